/** Everything the page says. Portuguese is written in the page itself; this holds what the code says, and English. */

const portuguese = {
  today: "Hoje", yesterday: "Ontem", typing: "digitando…", offline: "reconectando…",
  noNumber: "Nenhum número registrado ainda.", noNumberHint: "A malha registra os números quando sobe (make dev).",
  empty: "Escreva como se fosse o cliente. Mande várias mensagens seguidas para ver o assistente juntá-las.",
  windowOpen: "Janela de 24 h aberta até {time}", windowClosed: "Janela de 24 h fechada: a empresa só pode enviar modelos",
  sending: "enviando", sent: "enviada", delivered: "entregue", read: "lida", failed: "falhou", played: "ouvida",
  failedBecause: "Falhou: {title} ({code})", template: "Modelo", list: "Ver opções", photo: "Foto", document: "Documento",
  audio: "Áudio", video: "Vídeo", sticker: "Figurinha", location: "Localização", contact: "Contato", unknown: "Mensagem do tipo {type}",
  failedToSend: "A mensagem não saiu: {reason}", unanswered: "O webhook respondeu {status}. A Meta vai tentar de novo.",
  noAnswer: "sem resposta", clearAsk: "Apagar esta conversa no telefone?", applied: "Falhas ligadas.", normal: "Tudo normal de novo.",
  badPhone: "Informe o telefone com DDI e DDD, só números.", you: "Você", onlyPhoto: "Foto", place: "Avenida Paulista, São Paulo",
};

const english = {
  skip: "Go to the message", customers: "Customers", close: "Close", number: "Business number", newCustomer: "New customer",
  name: "Name", phone: "Phone with country code", start: "Start chatting", clear: "Clear the conversation",
  faults: "Faults on purpose", conversation: "Conversation", attach: "Attach", image: "Image", document: "Document",
  location: "Location", message: "Message", send: "Send", faultsHint: "What Meta will do wrong with this number.",
  onSend: "On sending", delay: "Answer delay (ms)", throttleCode: "Refusal code", throttleTimes: "Rate limit refusals",
  error500: "500 errors", timeout: "Sends without an answer", drop: "Accept, then drop the connection", onStatus: "In statuses",
  statusDelay: "Gap between statuses (ms)", usual: "usual", repeat: "Repeat each webhook", fail: "Fail with code", none: "none",
  reorder: "Out of order", early: "Status before the answer", noStatus: "No statuses", limit: "Only the next sends",
  always: "always", apply: "Apply", back: "Back to normal",
  today: "Today", yesterday: "Yesterday", typing: "typing…", offline: "reconnecting…",
  noNumber: "No number is registered yet.", noNumberHint: "The mesh registers its numbers when it starts (make dev).",
  empty: "Write as if you were the customer. Send several messages in a row to see the assistant join them.",
  windowOpen: "24-hour window open until {time}", windowClosed: "24-hour window closed: the business may only send templates",
  sending: "sending", sent: "sent", delivered: "delivered", read: "read", failed: "failed", played: "played",
  failedBecause: "Failed: {title} ({code})", template: "Template", list: "See options", photo: "Photo",
  audio: "Audio", video: "Video", sticker: "Sticker", contact: "Contact", unknown: "Message of type {type}",
  failedToSend: "The message did not leave: {reason}", unanswered: "The webhook answered {status}. Meta will try again.",
  noAnswer: "nothing", clearAsk: "Clear this conversation on the phone?", applied: "Faults are on.", normal: "Back to normal.",
  badPhone: "Give the phone with country and area code, digits only.", you: "You", place: "Avenida Paulista, São Paulo",
};

// The first of the reader's languages that the page speaks; Portuguese when it speaks none of them.
const preferred = (navigator.languages ?? [navigator.language]).find((tag) => /^(pt|en)\b/i.test(tag)) ?? "pt";
const speaksPortuguese = /^pt/i.test(preferred);

export const locale = speaksPortuguese ? "pt-BR" : "en";
const words = speaksPortuguese ? portuguese : english;

/** A phrase, with `{name}` filled in. */
export function say(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Put the page into the reader's language. */
export function translatePage() {
  document.documentElement.lang = locale;
  if (speaksPortuguese) return;
  document.title = "Malha · test phone";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = say(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", say(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-t-placeholder]")) node.placeholder = say(node.dataset.tPlaceholder);
}

export const clockTime = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
export const windowTime = new Intl.DateTimeFormat(locale, { weekday: "long", hour: "2-digit", minute: "2-digit" });
const longDay = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });

/** "Today", "Yesterday" or a date. */
export function dayName(date) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  if (date >= midnight) return say("today");
  if (date >= new Date(midnight.getTime() - 86_400_000)) return say("yesterday");
  return longDay.format(date);
}
