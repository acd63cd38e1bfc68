// What is asked for in place says when it fails: without, nothing would be seen to.
"use strict";

const trouble = document.getElementById("trouble");

function tell(sentence) {
  trouble.textContent = sentence;
  trouble.hidden = false;
}

function said(xhr) {
  try {
    const { detail } = JSON.parse(xhr.responseText);
    if (typeof detail === "string") return detail;
    return detail.map((each) => `${each.loc.join(" ")}: ${each.msg}`).join("; ");
  } catch {
    return `The receiver answers with status ${xhr.status}.`;
  }
}

for (const failed of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failed, () => {
    tell("The receiver does not answer: what is shown may be old.");
  });
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.failed) tell(said(detail.xhr));
  if (detail.successful) trouble.hidden = true;
});
