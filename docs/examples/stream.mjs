// Follows topics of the stream, and comes back by itself where it was. For browsers and Node 22.
//
//   node docs/examples/stream.mjs http://127.0.0.1:8080 product:<id>
//   TOKEN=<access token> node docs/examples/stream.mjs http://127.0.0.1:8080 orders

export function follow(base, topics, { token, onEvent, onError = console.error }) {
  const address = new URL('/api/v1/stream', base);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const seen = {}; // by source, the last sequence
  let socket, stopped = false, pause = 1000;
  const say = (message) => socket.send(JSON.stringify(message));
  const subscribe = () => say({ type: 'subscribe', topics, after: seen });
  const authenticate = async () => say({ type: 'authenticate', token: await token() });

  function connect() {
    socket = new WebSocket(address);
    let wait = null;
    socket.onopen = async () => {
      try {
        if (token) await authenticate(); else subscribe();
      } catch (error) {
        onError(error);
        socket.close();
      }
    };
    let subscribed = false;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type.includes('.')) {
        seen[message.source] = message.sequence;
        onEvent(message);
      } else if (message.type === 'subscribed' || message.type === 'position') {
        pause = 1000;
        Object.assign(seen, message.sequences);
      } else if (message.type === 'authenticated' && !subscribed) {
        subscribed = true;
        subscribe();
      } else if (message.type === 'token_expiring' && token) {
        authenticate().catch(onError);
      } else if (message.type === 'closing') {
        wait = message.reconnect_in_ms;
      } else if (message.code === 'SOURCE_UNAVAILABLE') {
        setTimeout(() => socket.readyState === WebSocket.OPEN && subscribe(), 1000);
      } else if (message.type === 'error') {
        onError(message);
      }
    };
    socket.onclose = ({ code, reason }) => {
      if (stopped) return;
      onError({ code: reason || code, error: 'The connection ended; it is opened again' });
      setTimeout(connect, wait ?? pause * (0.5 + Math.random()));
      pause = Math.min(pause * 2, 30_000);
    };
  }

  connect();
  return () => {
    stopped = true;
    socket.close();
  };
}

// From the command line.
if (globalThis.process?.argv[1]?.endsWith('stream.mjs')) {
  const [base, ...topics] = process.argv.slice(2);
  const token = process.env.TOKEN && (async () => process.env.TOKEN);
  follow(base, topics, { token, onEvent: (event) => console.log(JSON.stringify(event)) });
}
