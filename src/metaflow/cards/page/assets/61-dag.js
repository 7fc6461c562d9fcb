/* Of a graph that is larger than its frame, the part with the marked step is in sight. */
(() => {
  metaflowCard.upgrade(".mf-dag-frame", (frame) => {
    const marked = frame.querySelector(".mf-dag-here");
    if (!marked) return;
    const step = marked.getBoundingClientRect(), whole = frame.getBoundingClientRect();
    frame.scrollLeft += step.left + step.width / 2 - whole.left - whole.width / 2;
    frame.scrollTop += step.top + step.height / 2 - whole.top - whole.height / 2;
  });
})();
