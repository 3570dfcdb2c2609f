// Uploads with progress, and shows what the server tells: tasks and services, as server-sent events.
"use strict";

const STATES = { "-1": "created", 0: "ready", 1: "leased", 2: "finished", 3: "dead" };
const WORDS = { created: "uploading", ready: "waiting", leased: "working", finished: "done", dead: "given up" };
const MAX_BYTES = 16 * 1024 * 1024;
const AT_ONCE = 3;

const $ = (id) => document.getElementById(id);

/** An element with a class and a text. What comes from outside is only ever text. */
function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function announce(text) {
  $("announcer").textContent = text;
}

// ---- Upload

const waiting = [];
let running = 0;

/** A W3C traceparent, so that the whole way of a picture is one trace. */
function traceparent() {
  const hex = (bytes) =>
    Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${hex(16)}-${hex(8)}-01`;
}

/** The type and the parameters that belong to it. */
function fields() {
  const type = $("type").value;
  const inputs = document.querySelectorAll(`[data-for="${type}"] input`);
  return [["type", type], ...Array.from(inputs, (input) => [input.name, input.value])];
}

function showParameters() {
  for (const label of document.querySelectorAll("[data-for]")) {
    label.hidden = label.dataset.for !== $("type").value;
  }
}

function add(files) {
  for (const file of files) {
    const row = element("li");
    row.append(element("span", "name", file.name), element("span", "percent", "waiting"));
    const bar = element("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    row.append(bar);
    $("uploads").append(row);
    if (!/^image\/(png|jpeg)$/.test(file.type)) fail(row, file, "not a PNG or JPEG");
    else if (file.size > MAX_BYTES) fail(row, file, "larger than 16 MiB");
    else waiting.push({ file, row, bar, fields: fields() });
  }
  pump();
}

function pump() {
  while (running < AT_ONCE && waiting.length) send(waiting.shift());
}

function send({ file, row, bar, fields }) {
  running += 1;
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  form.append("image", file);
  const request = new XMLHttpRequest();
  request.open("POST", "/upload");
  request.setRequestHeader("traceparent", traceparent());
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.value = event.loaded / event.total;
    row.querySelector(".percent").textContent = `${Math.round(bar.value * 100)} %`;
  });
  request.addEventListener("loadend", () => {
    running -= 1;
    pump();
    if (request.status === 200) {
      announce(`${file.name} is uploaded`);
      row.remove();
    } else {
      fail(row, file, request.responseText || "the connection broke");
    }
  });
  request.send(form);
}

function fail(row, file, why) {
  const percent = row.querySelector(".percent");
  percent.textContent = why;
  percent.classList.add("failed");
  row.querySelector("progress").remove();
  announce(`${file.name} was not uploaded: ${why}`);
}

// ---- Tasks

const cards = new Map();

function card(task) {
  const item = element("li", "card");
  item.dataset.id = task.id;
  const pair = element("div", "pair");
  const figure = (caption) => {
    const made = element("figure");
    made.append(element("figcaption", "", caption));
    pair.append(made);
    return made;
  };
  const before = figure("before");
  const after = figure("after");
  show(before, task.id, "original", `The picture as it was uploaded, to ${task.type}`);
  const list = element("dl");
  const entry = (term, name, text) => {
    list.append(element("dt", "", term));
    const value = element("dd", name, text);
    list.append(value);
    return value;
  };
  entry("What is done", "kind", task.type);
  const state = entry("State", "pill state");
  const took = entry("Time", "took");
  const error = entry("Reason", "error");
  entry("Trace", "trace", task.trace || "");
  item.append(pair, list);
  return { item, after, state, took, error };
}

function show(figure, id, version, alt) {
  const image = element("img");
  image.alt = alt;
  image.loading = "lazy";
  image.addEventListener("error", () => image.replaceWith(element("span", "unshown", "cannot be shown")));
  image.src = `/picture/${encodeURIComponent(id)}?version=${version}`;
  figure.append(image);
}

function update(shown, task) {
  const state = STATES[task.state] || "created";
  shown.state.dataset.state = state;
  shown.state.textContent = WORDS[state];
  shown.error.textContent = state === "dead" ? task.error || "" : "";
  const again = task.attempts > 1 ? `, attempt ${task.attempts}` : "";
  shown.took.textContent = state === "finished" ? `${task.changed - task.created} ms${again}` : again.slice(2);
  shown.after.classList.toggle("working", state !== "finished" && state !== "dead");
  if (state === "finished" && !shown.after.querySelector("img")) {
    show(shown.after, task.id, "result", `The picture after ${task.type}`);
  }
}

function showTasks({ tasks, counts }) {
  tasks.sort((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
  const seen = new Set(tasks.map((task) => task.id));
  for (const [id, shown] of cards) {
    if (!seen.has(id)) {
      shown.item.remove();
      cards.delete(id);
    }
  }
  const gallery = $("gallery");
  tasks.forEach((task, place) => {
    if (!cards.has(task.id)) cards.set(task.id, card(task));
    const shown = cards.get(task.id);
    update(shown, task);
    if (gallery.children[place] !== shown.item) gallery.insertBefore(shown.item, gallery.children[place] || null);
  });
  $("empty").hidden = tasks.length > 0;
  const chips = Object.entries(WORDS).filter(([state]) => counts[state]);
  $("counts").replaceChildren(
    ...chips.map(([state, word]) => {
      const chip = element("li", "pill", `${counts[state]} ${word}`);
      chip.dataset.state = state;
      return chip;
    }),
  );
}

// ---- Services

function showServices({ up, services }) {
  const all = services || {};
  if (!up) all.master = [];
  $("services").replaceChildren(
    ...["master", "scheduler", "storage", "worker", "page"].map((name) => {
      const row = element("li");
      row.append(element("span", "name", name));
      const instances = element("span", "instances");
      for (const { endpoint, up } of all[name] || []) {
        const pill = element("span", "pill", endpoint);
        pill.dataset.state = up ? "up" : "down";
        pill.title = up ? "answers" : "does not answer";
        pill.append(element("span", "unseen", up ? ", answers" : ", does not answer"));
        instances.append(pill);
      }
      if (!instances.children.length) instances.append(element("span", "none", "none is up"));
      row.append(instances);
      return row;
    }),
  );
}

// ---- Start

function connect() {
  const events = new EventSource("/events");
  const connection = $("connection");
  const say = (state, text) => {
    connection.dataset.state = state;
    connection.textContent = text;
  };
  // The browser connects again by itself.
  events.addEventListener("open", () => say("live", "live"));
  events.addEventListener("error", () => say("gone", "connection lost, trying again"));
  events.addEventListener("tasks", (event) => showTasks(JSON.parse(event.data)));
  events.addEventListener("services", (event) => showServices(JSON.parse(event.data)));
}

$("type").addEventListener("change", showParameters);
$("upload").addEventListener("submit", (event) => event.preventDefault());
$("files").addEventListener("change", () => {
  add($("files").files);
  $("files").value = "";
});
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  $("drop").addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", over);
    if (name === "drop") add(event.dataTransfer.files);
  });
}
showParameters();
connect();
