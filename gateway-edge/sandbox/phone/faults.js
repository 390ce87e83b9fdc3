/** The drawer that makes the stand-in misbehave, for the number that is chosen. */

import { say } from "/phone/words.js";

const form = document.getElementById("faults-form");
const lamp = document.getElementById("faults-on");
const COUNTS = ["error_500_times", "timeout_times", "drop_after_accept_times"];
const FLAGS = ["reorder", "early_status", "no_status"];
const AT_REST = { delay_ms: 0, status_delay_ms: null, repeat: 1, batch: 1, fail_code: null, reorder: false, early_status: false, no_status: false };

const whole = (name) => Number.parseInt(form.elements[name].value, 10) || 0;

function asked() {
  const faults = { delay_ms: whole("delay_ms"), repeat: Math.max(1, whole("repeat")) };
  if (form.elements.status_delay_ms.value !== "") faults.status_delay_ms = whole("status_delay_ms");
  if (form.elements.fail_code.value) faults.fail_code = whole("fail_code");
  if (whole("throttle_times")) faults.throttle = { code: whole("throttle_code"), times: whole("throttle_times") };
  for (const name of FLAGS) faults[name] = form.elements[name].checked;
  const limit = whole("limit");
  if (limit) faults.limits = Object.fromEntries(active(faults).map((name) => [name, limit]));
  for (const name of COUNTS) faults[name] = whole(name);
  return faults;
}

/** The faults that last, and are not at rest. */
function active(faults) {
  return Object.keys(AT_REST).filter((name) => name in faults && faults[name] !== AT_REST[name]);
}

function show(faults) {
  form.elements.delay_ms.value = faults.delay_ms;
  form.elements.repeat.value = faults.repeat;
  form.elements.status_delay_ms.value = faults.status_delay_ms ?? "";
  form.elements.fail_code.value = faults.fail_code ?? "";
  form.elements.throttle_code.value = faults.throttle?.code ?? 130429;
  form.elements.throttle_times.value = faults.throttle?.times ?? 0;
  for (const name of FLAGS) form.elements[name].checked = faults[name];
  for (const name of COUNTS) form.elements[name].value = faults[name];
  form.elements.limit.value = Object.values(faults.limits)[0] ?? "";
  lamp.hidden = !(active(faults).length || faults.throttle?.times || COUNTS.some((name) => faults[name]));
}

/** Wire the drawer. `call` talks to the sandbox, `path` names the number's faults, `tell` shows a line to the user. */
export function openDrawer({ call, path, tell }) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!path()) return;
    const faults = await call("PUT", path(), asked());
    if (!faults) return;
    show(faults);
    tell(say("applied"));
  });
  document.getElementById("faults-clear").addEventListener("click", async () => {
    if (!path()) return;
    await call("DELETE", path());
    await refresh();
    tell(say("normal"));
  });
  /** Show what is left of the faults, unless someone is filling them in. */
  async function refresh() {
    const faults = path() ? await call("GET", path()) : null;
    const filling = form.contains(document.activeElement) && document.activeElement.matches("input, select");
    if (faults && !filling) show(faults);
  }
  return refresh;
}
