/** What opens and closes: the customers, the faults, and the menu of attachments. */

const $ = (id) => document.getElementById(id);
const menu = $("attach-menu");
const opener = (panel) => $(`open-${panel}`);

function openPanel(panel) {
  $(panel).hidden = false;
  $(panel).classList.add("open");
  opener(panel).setAttribute("aria-expanded", "true");
  $(panel).querySelector(".close").focus();
}

export function closePanel(panel) {
  if (!$(panel).classList.contains("open")) return;
  $(panel).classList.remove("open");
  if (panel === "faults") $(panel).hidden = true;
  opener(panel).setAttribute("aria-expanded", "false");
  opener(panel).focus();
}

export function openMenu(open) {
  menu.hidden = !open;
  $("attach").setAttribute("aria-expanded", String(open));
  if (open) menu.querySelector("button").focus();
}

for (const panel of ["people", "faults"]) {
  opener(panel).addEventListener("click", () => ($(panel).classList.contains("open") ? closePanel(panel) : openPanel(panel)));
}
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => closePanel(button.dataset.close));
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!menu.hidden) {
    openMenu(false);
    $("attach").focus();
    return;
  }
  closePanel("faults");
  closePanel("people");
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".attach")) openMenu(false);
});
$("attach").addEventListener("click", () => openMenu(menu.hidden));
menu.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const items = [...menu.children];
  items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
});
