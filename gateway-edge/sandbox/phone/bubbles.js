/** How a message looks. Everything a business or customer wrote is put in as text, never as HTML. */

import { clockTime, say } from "/phone/words.js";

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export function icon(name, className = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("aria-hidden", "true");
  if (className) svg.setAttribute("class", className);
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

const TICKS = { sending: "i-clock", sent: "i-tick", delivered: "i-ticks", read: "i-ticks", played: "i-ticks", failed: "i-failed" };
const MARKS = [["*", "strong"], ["_", "em"], ["~", "s"], ["```", "code"], ["`", "code"]];

/** WhatsApp's own marks (*bold*, _italic_, ~struck~, `code`) and links, as nodes. */
export function formatted(text) {
  const parts = [];
  const pattern = /(https?:\/\/[^\s<>]+[^\s<>.,;:!?)'"])|(```[^`]+```|`[^`\n]+`|(?<![\w*])\*[^*\n]+\*(?!\w)|(?<!\w)_[^_\n]+_(?!\w)|(?<!\w)~[^~\n]+~(?!\w))/g;
  let place = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(place, match.index));
    place = match.index + match[0].length;
    if (match[1]) {
      parts.push(make("a", { href: match[1], target: "_blank", rel: "noopener noreferrer" }, match[1]));
      continue;
    }
    const [mark, tag] = MARKS.find(([start]) => match[2].startsWith(start));
    parts.push(make(tag, {}, match[2].slice(mark.length, -mark.length)));
  }
  parts.push(text.slice(place));
  return parts.filter((part) => part !== "");
}

const mediaURL = (media) => (media?.id ? `/sandbox/media/${media.id}` : media?.link);

/** A line of text that stands for a message in lists and quotes. */
export function preview(message) {
  const content = message.content[message.type] ?? {};
  switch (message.type) {
    case "text": return content.body ?? "";
    case "image": return `📷 ${content.caption || say("photo")}`;
    case "video": return `🎬 ${content.caption || say("video")}`;
    case "audio": return `🎤 ${say("audio")}`;
    case "sticker": return `🏷️ ${say("sticker")}`;
    case "document": return `📄 ${content.filename || say("document")}`;
    case "location": return `📍 ${content.name || say("location")}`;
    case "contacts": return `👤 ${content[0]?.name?.formatted_name ?? say("contact")}`;
    case "reaction": return content.emoji ?? "";
    case "button": return content.text ?? "";
    case "template": return `${say("template")}: ${content.name}`;
    case "interactive": return content.body?.text ?? content.button_reply?.title ?? content.list_reply?.title ?? "";
    default: return say("unknown", { type: message.type });
  }
}

function media(kind, content) {
  const url = mediaURL(content);
  const caption = content.caption ? make("p", { class: "text" }, ...formatted(content.caption)) : null;
  if (!url) return [make("p", { class: "text" }, say(kind === "image" ? "photo" : kind)), caption];
  switch (kind) {
    case "image": return [make("img", { class: "picture", src: url, alt: content.caption || say("photo"), loading: "lazy" }), caption];
    case "sticker": return [make("img", { class: "sticker", src: url, alt: say("sticker") })];
    case "video": return [make("video", { class: "picture", src: url, controls: true }), caption];
    case "audio": return [make("audio", { src: url, controls: true })];
    default: return [
      make("a", { class: "file", href: url, target: "_blank", rel: "noopener noreferrer" }, icon("i-file"), content.filename || say("document")),
      caption,
    ];
  }
}

function interactive(message, answer) {
  const content = message.content.interactive;
  if (content.button_reply || content.list_reply) {
    return [make("p", { class: "text" }, (content.button_reply ?? content.list_reply).title)];
  }
  const choices = [];
  const choose = (title, reply, description) => choices.push(
    make("button", { type: "button", onclick: () => answer(message, { type: "interactive", interactive: reply }) },
      title, description ? make("small", {}, description) : null));
  for (const button of content.action?.buttons ?? []) {
    choose(button.reply.title, { type: "button_reply", button_reply: button.reply });
  }
  for (const row of (content.action?.sections ?? []).flatMap((section) => section.rows ?? [])) {
    choose(row.title, { type: "list_reply", list_reply: row }, row.description);
  }
  const link = content.action?.parameters;
  if (content.type === "cta_url" && link) {
    choices.push(make("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" }, link.display_text));
  }
  return [
    content.header?.text ? make("p", { class: "title" }, content.header.text) : null,
    content.body ? make("p", { class: "text" }, ...formatted(content.body.text)) : null,
    content.footer ? make("p", { class: "footer" }, content.footer.text) : null,
    choices.length ? make("div", { class: "choices" }, ...choices) : null,
  ];
}

function template(message, answer) {
  const content = message.content.template;
  const parts = (content.components ?? []).filter((part) => part.type?.toLowerCase() !== "button");
  const values = parts.flatMap((part) => part.parameters ?? []).map((value) => value.text ?? value[value.type]?.link ?? value.type);
  const buttons = (content.components ?? []).filter((part) => part.type?.toLowerCase() === "button" && part.sub_type?.toLowerCase() === "quick_reply");
  return [
    make("p", { class: "title" }, `${say("template")}: ${content.name}`),
    values.length ? make("p", { class: "text" }, values.join(" · ")) : null,
    make("p", { class: "footer" }, content.language?.code ?? ""),
    buttons.length ? make("div", { class: "choices" }, ...buttons.map((part) => {
      const payload = part.parameters?.[0]?.payload ?? "";
      return make("button", { type: "button", onclick: () => answer(message, { type: "button", button: { payload, text: payload } }) }, payload);
    })) : null,
  ];
}

function inside(message, answer) {
  const content = message.content[message.type] ?? {};
  switch (message.type) {
    case "text": return [make("p", { class: "text" }, ...formatted(content.body ?? ""))];
    case "image": case "sticker": case "video": case "audio": case "document": return media(message.type, content);
    case "interactive": return interactive(message, answer);
    case "template": return template(message, answer);
    case "button": return [make("p", { class: "text" }, content.text ?? "")];
    case "location": return [
      make("div", { class: "map", "aria-hidden": "true" }, icon("i-pin")),
      make("p", { class: "title" }, content.name || say("location")),
      make("p", { class: "footer" }, content.address || `${content.latitude}, ${content.longitude}`),
    ];
    case "contacts": return content.map((card) => make("p", { class: "file" }, icon("i-people"), card.name?.formatted_name ?? say("contact")));
    default: return [make("p", { class: "text faint" }, preview(message))];
  }
}

function quote(message, find) {
  const id = message.content.context?.id ?? message.content.context?.message_id;
  const quoted = id ? find(id) : undefined;
  return quoted ? make("blockquote", {}, ...formatted(preview(quoted))) : null;
}

/** One message. `find` looks another one up by id; `answer` writes back what a button stands for. */
export function bubble(message, { find, answer }) {
  const state = message.status;
  const time = clockTime.format(new Date(message.timestamp * 1000));
  const reactions = Object.values(message.reactions ?? {});
  return make(
    "article", { class: `bubble ${message.author} ${message.type}`, id: message.id, "data-status": state },
    quote(message, find),
    ...inside(message, answer),
    make("p", { class: "meta" },
      make("time", { datetime: new Date(message.timestamp * 1000).toISOString() }, time),
      icon(TICKS[state] ?? "i-clock", `tick ${state}`),
      make("span", { class: "hidden" }, say(state))),
    message.error ? make("p", { class: "error" }, say("failedBecause", message.error)) : null,
    reactions.length ? make("span", { class: "reactions" }, ...reactions) : null,
  );
}
