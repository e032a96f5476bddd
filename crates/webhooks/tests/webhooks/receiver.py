# A merchant's receiver in Python: takes what the library finds good, with its one secret, and refuses the rest.
import http.server
import sys

from standardwebhooks import Webhook, WebhookVerificationError


class Receiver(http.server.BaseHTTPRequestHandler):
    webhook = Webhook(sys.argv[1])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            self.webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
            answer, status = b"good", 200
        except WebhookVerificationError as error:
            answer, status = str(error).encode(), 400
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
