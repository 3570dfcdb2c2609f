// A small REST service on express: notes in memory, timers, worker threads, streams.
"use strict";

const crypto = require("crypto");
const express = require("express");
const { pipeline, Readable } = require("stream");
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const zlib = require("zlib");

// Worker threads run this same file.
if (!isMainThread) {
  let sum = 0;
  for (let i = 0; i < workerData; i++) sum += i;
  parentPort.postMessage(sum);
  return;
}

const notes = new Map();
const app = express();
app.disable("x-powered-by");
app.disable("etag");

app.get("/hello", (_, response) => response.json({ hello: "world" }));

app.route("/notes/:name")
  .put(express.json({ strict: false }), ({ params, body }, response) => {
    response.status(notes.has(params.name) ? 200 : 201);
    notes.set(params.name, body);
    response.json(body);
  })
  .get(({ params }, response) =>
    notes.has(params.name) ? response.json(notes.get(params.name)) : response.status(404).json({ error: "no such thing" }))
  .delete(({ params }, response) => response.status(notes.delete(params.name) ? 204 : 404).end());

// Timers: a short and a long one, and what comes before both.
app.get("/timers/:milliseconds", ({ params }, response) => {
  const order = [];
  const begin = process.hrtime.bigint();
  const wanted = Number(params.milliseconds);
  setTimeout(() => {
    order.push("long");
    // A timer of libuv counts in whole milliseconds, so it may come one early.
    const late = Number(process.hrtime.bigint() - begin) / 1e6 >= wanted - 1;
    response.json({ order, late });
  }, wanted);
  setTimeout(() => order.push("short"), 1);
  setImmediate(() => order.push("immediate"));
  process.nextTick(() => order.push("tick"));
  Promise.resolve().then(() => order.push("promise"));
});

// Four threads, each with an engine of its own.
app.get("/workers/:count", async ({ params }, response) => {
  const one = () => new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: Number(params.count) });
    worker.once("message", resolve).once("error", reject);
  });
  const sums = await Promise.all([one(), one(), one(), one()]);
  response.json({ sum: sums.reduce((a, b) => a + b) });
});

// A stream through libuv's pool of threads (compression) to the client.
app.get("/stream/:lines", ({ params }, response) => {
  function* lines() {
    for (let i = 1; i <= Number(params.lines); i++) yield `${i}\n`;
  }
  response.set("Content-Encoding", "gzip");
  pipeline(Readable.from(lines()), zlib.createGzip({ level: 1 }), response, () => {});
});

// A body as a stream into a hash.
app.post("/hash", (request, response) => {
  const hash = crypto.createHash("sha256");
  request.pipe(hash).on("finish", () => response.json({ sha256: hash.digest("hex") }));
});

app.listen(8080, "0.0.0.0", 511);
