"use strict";
(() => {
  const form = document.querySelector("form.filter");
  const clauses = [...document.querySelectorAll("details.clause")].map((element) => ({
    element,
    area: element.closest("details.area").dataset.area,
    states: element.dataset.states.trim().split(" "),
    text: element.textContent.toLowerCase(),
  }));
  const areas = [...document.querySelectorAll("details.area")];
  const openAtFirst = new Set(areas.filter((area) => area.open));

  function apply() {
    const state = form.elements.state.value;
    const area = form.elements.area.value;
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const clause of clauses) {
      const takes =
        (!state || clause.states.includes(state)) &&
        (!area || clause.area === area) &&
        words.every((word) => clause.text.includes(word));
      clause.element.hidden = !takes;
      shown += takes;
    }
    const chosen = Boolean(state || area || words.length);
    for (const each of areas) {
      each.hidden = chosen && !each.querySelector("details.clause:not([hidden])");
      each.open = chosen ? true : openAtFirst.has(each);
    }
    form.elements.told.value = chosen ? `${shown} of ${clauses.length} clauses` : `${clauses.length} clauses`;
  }

  function openAll(open) {
    for (const each of [...areas, ...clauses.map((clause) => clause.element)]) {
      each.open = open && !each.hidden;
    }
  }

  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let each = target; each; each = each.parentElement) {
      if (each.tagName === "DETAILS") each.open = true;
    }
    target.scrollIntoView();
  }

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      // no clipboard for a file on some browsers: leave it selected, for the keyboard
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }

  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  if (clauses.length) {
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.elements.open.addEventListener("click", () => openAll(true));
    form.elements.close.addEventListener("click", () => openAll(false));
    apply();
  }
  addEventListener("hashchange", reveal);
  reveal();
})();
