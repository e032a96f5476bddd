// Follows topics of the stream, and comes back by itself where it was. For browsers and Node 22 (Node 20.10 with
// --experimental-websocket).
//
//   node docs/examples/stream.mjs http://127.0.0.1:8080 product:<id>
//   TOKEN=<access token> node docs/examples/stream.mjs http://127.0.0.1:8080 orders

/**
 * Follows `topics` of the shop at `base`; returns what ends it.
 *   token    async () => an access token that is good for a while; none: topics that anyone may follow
 *   onEvent  (event)
 *   onState  ('connecting' | 'live' | 'waiting' | 'ended'): after 'ended' it does not come back, its session is over
 *   onError  ({code, error} or an Error)
 */
export function follow(base, topics, { token, onEvent, onState = () => {}, onError = console.error }) {
  const address = new URL('/api/v1/stream', base);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const seen = {}; // by source, the last sequence
  let socket, again, watch, stopped = false, pause = 1000;

  function connect() {
    onState('connecting');
    const mine = socket = new WebSocket(address);
    const say = (message) => mine.readyState === WebSocket.OPEN && mine.send(JSON.stringify(message));
    const subscribe = () => say({ type: 'subscribe', topics, after: seen });
    const authenticate = async () => say({ type: 'authenticate', token: await token() });
    let subscribed = false, silence = 60, wait = null, gone = false;

    // A connection that is only thought to be there tells nothing; heartbeats come from one that is.
    const heard = () => {
      clearTimeout(watch);
      watch = setTimeout(() => {
        onClose({ reason: 'SILENT' });
        mine.close();
      }, silence * 1000);
    };

    const onClose = ({ code, reason }) => {
      if (gone || stopped) return;
      gone = true;
      clearTimeout(watch);
      if (reason === 'SESSION_ENDED' || reason === 'INVALID_TOKEN') {
        onState('ended');
        return;
      }
      onError({ code: reason || code, error: 'The connection ended; it is opened again' });
      onState('waiting');
      again = setTimeout(connect, wait ?? pause * (0.5 + Math.random()));
      pause = Math.min(pause * 2, 30_000);
    };

    heard();
    mine.onclose = onClose;
    mine.onopen = async () => {
      try {
        if (token) await authenticate(); else subscribe();
      } catch (error) {
        onError(error);
        mine.close();
      }
    };
    mine.onmessage = ({ data }) => {
      if (gone || stopped) return;
      heard();
      const message = JSON.parse(data);
      if (message.type.includes('.')) {
        seen[message.source] = message.sequence;
        onEvent(message);
      } else if (message.type === 'welcome') {
        silence = message.heartbeat_seconds * 2 + 5;
        heard();
      } else if (message.type === 'subscribed' || message.type === 'position') {
        pause = 1000;
        Object.assign(seen, message.sequences);
        if (message.type === 'subscribed') onState('live');
      } else if (message.type === 'authenticated' && !subscribed) {
        subscribed = true;
        subscribe();
      } else if (message.type === 'token_expiring' && token) {
        authenticate().catch(onError);
      } else if (message.type === 'closing') {
        wait = message.reconnect_in_ms;
      } else if (message.code === 'INVALID_TOKEN') {
        // It has not expired: its session was ended while nothing was connected.
        onClose({ reason: message.code });
        mine.close();
      } else if (message.code === 'SOURCE_UNAVAILABLE') {
        setTimeout(subscribe, 1000);
      } else if (message.type === 'error') {
        onError(message);
      }
    };
  }

  connect();
  return () => {
    stopped = true;
    clearTimeout(again);
    clearTimeout(watch);
    socket.close();
  };
}

// From the command line.
if (globalThis.process?.argv[1]?.endsWith('stream.mjs')) {
  const [base, ...topics] = process.argv.slice(2);
  const token = process.env.TOKEN && (async () => process.env.TOKEN);
  follow(base, topics, { token, onEvent: (event) => console.log(JSON.stringify(event)) });
}
