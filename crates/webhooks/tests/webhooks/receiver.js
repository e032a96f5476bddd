// A merchant's receiver in Node: takes what the library finds good, with its one secret, and refuses the rest.
const http = require("node:http");
const { Webhook } = require("standardwebhooks");

const webhook = new Webhook(process.argv[2]);
const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    try {
      webhook.verify(Buffer.concat(pieces).toString("utf8"), request.headers);
      response.writeHead(200).end("good");
    } catch (error) {
      response.writeHead(400).end(String(error.message));
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
