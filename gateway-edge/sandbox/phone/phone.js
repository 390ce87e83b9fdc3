/** The customer's phone: picks a number and a customer, writes as that customer, and shows what the business answers. */

import { bubble, make, preview } from "/phone/bubbles.js";
import { openDrawer } from "/phone/faults.js";
import { closePanel, openMenu } from "/phone/panels.js";
import { clockTime, dayName, say, translatePage, windowTime } from "/phone/words.js";

const $ = (id) => document.getElementById(id);
const log = $("log");
const draft = $("draft");

const FIRST = { customer: "5511987654321", name: "Ana Souza" };
const NAMES = ["Bruno Lima", "Carla Dias", "Davi Rocha", "Elisa Prado", "Fábio Nunes", "Gabriela Melo", "Heitor Reis", "Iara Campos"];

const state = {
  numbers: [],
  number: null,
  customer: null,
  name: "",
  people: new Map(),
  messages: new Map(),
  leaving: new Map(),
  cursor: 0,
  started: 0,
  windowUntil: null,
  typing: false,
  online: true,
  round: 0,
};
let lastSend = Promise.resolve();

const chatPath = () => `/sandbox/numbers/${state.number.phone_number_id}/chats/${state.customer}`;
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function toast(text) {
  $("toast").textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $("toast").textContent = ""; }, 4000);
}

/** Ask the sandbox. Says what went wrong and gives null when it refuses or is away. */
async function call(method, path, body) {
  try {
    const answer = await fetch(path, { method, body: body && JSON.stringify(body), headers: body && { "content-type": "application/json" } });
    if (answer.status === 204) return {};
    const found = await answer.json();
    if (answer.ok) return found;
    toast([found.error, ...(found.fields ?? []).map((item) => `${item.field}: ${item.problem}`)].join(" "));
  } catch {
    setOnline(false);
  }
  return null;
}

// --- what is on the screen ---------------------------------------------------------------------

function setOnline(online) {
  state.online = online;
  showPresence();
}

function showPresence() {
  $("presence").textContent = !state.online ? say("offline") : state.typing ? say("typing") : state.number?.display_phone_number ?? "";
  $("presence").classList.toggle("typing", state.online && state.typing);
  let dots = log.querySelector(".dots");
  if (state.typing && !dots) {
    dots = make("div", { class: "bubble business dots", "aria-hidden": "true" }, make("i"), make("i"), make("i"));
    keepDown(() => log.append(dots));
  } else if (!state.typing) {
    dots?.remove();
  }
}

/** Change the log, and stay at its end if the reader was there. */
function keepDown(change) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  change();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function showLog() {
  keepDown(() => {
    const find = (id) => state.messages.get(id);
    const all = [...state.messages.values(), ...[...state.leaving.values()].filter((message) => !state.messages.has(message.id))];
    const visible = all.filter((message) => message.type !== "reaction");
    let day = "";
    const nodes = [];
    for (const message of visible) {
      const name = dayName(new Date(message.timestamp * 1000));
      if (name !== day) nodes.push(make("p", { class: "day" }, name));
      day = name;
      const known = document.getElementById(message.id);
      const version = `${message.seq ?? 0}${message.status}`;
      if (known?.dataset.version === version) {
        nodes.push(known);
        continue;
      }
      const node = bubble(message, { find, answer: answerButton });
      node.dataset.version = version;
      if (known) node.classList.add("known");
      nodes.push(node);
    }
    if (!visible.length) nodes.push(emptyNote());
    place(nodes);
  });
  showPresence();
}

/** Put the nodes in order, moving only what is out of place, so that a screen reader hears just what is new. */
function place(nodes) {
  const wanted = new Set(nodes);
  for (const node of [...log.children]) if (!wanted.has(node) && !node.classList.contains("dots")) node.remove();
  nodes.forEach((node, index) => {
    if (log.children[index] !== node) log.insertBefore(node, log.children[index] ?? null);
  });
}

function emptyNote() {
  const text = state.number ? [say("empty")] : [make("strong", {}, say("noNumber")), say("noNumberHint")];
  return make("p", { class: "empty" }, ...text);
}

function showWindow() {
  const until = state.windowUntil;
  $("window").hidden = !state.number;
  $("window").classList.toggle("closed", !until);
  $("window").textContent = until
    ? say("windowOpen", { time: windowTime.format(new Date(until * 1000)) })
    : say("windowClosed");
}

function showNumbers() {
  const options = state.numbers.map((number) => make("option", {
    value: number.phone_number_id, selected: number.phone_number_id === state.number?.phone_number_id,
  }, `${number.verified_name} · ${number.display_phone_number}`));
  $("number").replaceChildren(...(options.length ? options : [make("option", {}, say("noNumber"))]));
  const name = state.number?.verified_name ?? "Malha";
  $("business").textContent = name;
  $("avatar").textContent = [...name][0].toUpperCase();
  $("send").disabled = !state.number;
}

function showPeople() {
  const items = [...state.people.values()].map((person) => make("li", {},
    make("button", {
      type: "button", "aria-current": person.customer === state.customer ? "true" : undefined,
      onclick: () => { choose(state.number, person.customer, person.name); closePanel("people"); },
    },
    make("span", { class: "avatar small", "aria-hidden": "true" }, initials(person)),
    make("span", { class: "who" },
      make("strong", {}, person.name || `+${person.customer}`),
      make("small", {}, person.last ? preview(person.last) : `+${person.customer}`)),
    person.last ? make("time", {}, clockTime.format(new Date(person.last.timestamp * 1000))) : null)));
  $("chats").replaceChildren(...items);
}

function initials({ name, customer }) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  return words.length ? words.slice(0, 2).map((word) => [...word][0]).join("").toUpperCase() : customer.slice(-2);
}

// --- what the sandbox knows --------------------------------------------------------------------

async function loadNumbers() {
  const found = await call("GET", "/sandbox/numbers");
  if (!found) return;
  const before = state.number?.phone_number_id;
  state.numbers = found.numbers;
  state.number = state.numbers.find((number) => number.phone_number_id === before) ?? state.numbers[0] ?? null;
  showNumbers();
  if (state.number?.phone_number_id !== before) choose(state.number, state.customer, state.name);
}

async function loadPeople() {
  if (!state.number) return;
  const found = await call("GET", `/sandbox/numbers/${state.number.phone_number_id}/chats`);
  if (!found) return;
  const people = new Map([[state.customer, { customer: state.customer, name: state.name }]]);
  for (const chat of found.chats) {
    people.set(chat.customer, { customer: chat.customer, name: chat.profile_name || state.people.get(chat.customer)?.name || "", last: chat.last });
  }
  state.people = people;
  showPeople();
}

function choose(number, customer, name) {
  Object.assign(state, { number, customer, name, cursor: 0, started: 0, windowUntil: null, typing: false });
  state.messages.clear();
  state.leaving.clear();
  log.replaceChildren();
  localStorage.setItem("malha.phone", JSON.stringify({ number: number?.phone_number_id, customer, name }));
  if (!state.people.has(customer)) state.people.set(customer, { customer, name });
  showNumbers();
  showPeople();
  showWindow();
  showLog();
  state.round += 1;
  if (number) follow(state.round);
  refreshFaults();
}

/** Ask for changes for as long as this conversation is on the screen. */
async function follow(round) {
  while (round === state.round) {
    try {
      const answer = await fetch(`${chatPath()}?after=${state.cursor}&wait=${state.cursor ? 25 : 0}`);
      if (round !== state.round) return;
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      take(await answer.json());
    } catch {
      if (round !== state.round) return;
      setOnline(false);
      await pause(1000);
      await loadNumbers();
    }
  }
}

function take(chat) {
  if (chat.started !== state.started && state.started) {
    state.messages.clear();
    log.replaceChildren();
  }
  const heard = chat.messages.some((message) => message.author === "business" && !state.messages.has(message.id));
  for (const message of chat.messages) {
    state.messages.set(message.id, message);
    state.leaving.delete(message.id);
  }
  Object.assign(state, { cursor: chat.cursor, started: chat.started, windowUntil: chat.window_open_until, typing: chat.typing, online: true });
  if (chat.typing) setTimeout(showPresence, 26_000);
  if (heard && document.hidden) document.title = `(1) ${say("message")} · Malha`;
  showWindow();
  showLog();
  loadPeople();
}

// --- writing -----------------------------------------------------------------------------------

function newWamid() {
  const random = crypto.getRandomValues(new Uint8Array(24));
  return `wamid.${btoa(String.fromCharCode(...random))}`;
}

/** Show a message at once and post it after the ones before it, as a phone does. */
function write(type, content, extra = {}) {
  if (!state.number) return;
  const { number, customer, name } = state;
  const id = newWamid();
  const message = { type, [type]: content, ...extra };
  state.leaving.set(id, { id, author: "customer", type, content: message, status: "sending", timestamp: Math.floor(Date.now() / 1000) });
  showLog();
  log.scrollTop = log.scrollHeight;
  lastSend = lastSend.then(async () => {
    const answer = await call("POST", `/sandbox/numbers/${number.phone_number_id}/inbound`, { from: customer, profile_name: name, wamid: id, message });
    if (answer && answer.status !== 200) toast(say("unanswered", { status: answer.status ?? say("noAnswer") }));
  });
}

function answerButton(message, { type, ...content }) {
  write(type, content[type], { context: { from: state.number.display_phone_number.replace(/\D/g, ""), id: message.id } });
}

async function attachFile(file, kind) {
  try {
    const answer = await fetch(`/sandbox/numbers/${state.number.phone_number_id}/media?filename=${encodeURIComponent(file.name)}`, {
      method: "POST", body: file, headers: { "content-type": file.type || "application/octet-stream" },
    });
    const media = await answer.json();
    if (!answer.ok) throw new Error(media.error);
    write(kind, kind === "document" ? { ...media, filename: file.name } : media);
  } catch (error) {
    toast(say("failedToSend", { reason: error.message }));
  }
}

function fitDraft() {
  draft.style.height = "auto";
  draft.style.height = `${Math.min(draft.scrollHeight, 140)}px`;
}

// --- what the buttons do -----------------------------------------------------------------------

const refreshFaults = openDrawer({
  call,
  path: () => state.number && `/sandbox/numbers/${state.number.phone_number_id}/faults`,
  tell: toast,
});

document.addEventListener("visibilitychange", () => { if (!document.hidden) document.title = document.title.replace(/^\(1\).* · /, ""); });

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = draft.value.trim();
  if (!text) return;
  draft.value = "";
  fitDraft();
  write("text", { body: text });
  draft.focus();
});
draft.addEventListener("input", fitDraft);
draft.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
});
for (const item of $("attach-menu").children) {
  item.addEventListener("click", () => {
    openMenu(false);
    const kind = item.dataset.attach;
    if (kind === "location") {
      write("location", { latitude: -23.561414, longitude: -46.655881, name: "MASP", address: say("place") });
      return;
    }
    const file = $("file");
    file.accept = kind === "image" ? "image/jpeg,image/png" : "";
    file.onchange = () => { if (file.files[0]) attachFile(file.files[0], kind); file.value = ""; };
    file.click();
  });
}
$("number").addEventListener("change", () => {
  const number = state.numbers.find((candidate) => candidate.phone_number_id === $("number").value);
  if (!number) return;
  state.people.clear();
  choose(number, state.customer, state.name);
});
$("new-customer").addEventListener("submit", (event) => {
  event.preventDefault();
  const customer = $("new-phone").value.replace(/\D/g, "");
  if (customer.length < 8 || customer.length > 15) {
    toast(say("badPhone"));
    return;
  }
  choose(state.number, customer, $("new-name").value.trim());
  suggestCustomer();
  closePanel("people");
  draft.focus();
});
$("clear").addEventListener("click", async () => {
  if (!state.number || !window.confirm(say("clearAsk"))) return;
  await call("DELETE", chatPath());
});

function suggestCustomer() {
  $("new-name").value = NAMES[Math.floor(Math.random() * NAMES.length)];
  $("new-phone").value = `55119${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
}

translatePage();
suggestCustomer();
const saved = JSON.parse(localStorage.getItem("malha.phone") ?? "null") ?? {};
Object.assign(state, { customer: saved.customer ?? FIRST.customer, name: saved.name ?? FIRST.name });
const first = await call("GET", "/sandbox/numbers");
state.numbers = first?.numbers ?? [];
choose(state.numbers.find((number) => number.phone_number_id === saved.number) ?? state.numbers[0] ?? null, state.customer, state.name);
setInterval(() => {
  if (document.hidden) return;
  loadPeople();
  refreshFaults();
  if (!state.number) loadNumbers();
}, 5000);
