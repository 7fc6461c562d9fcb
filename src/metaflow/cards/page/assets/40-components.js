(() => {
  /* Moments, in the reader's time zone and language. The exact time stays as the element's title. */
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  metaflowCard.upgrade("time.mf-moment", (element) => {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.valueOf())) return;
    const isToday = moment.toDateString() === new Date().toDateString();
    element.textContent = (isToday ? clock : day).format(moment);
  });
  /* Its summary counts: when an update replaces it, it is not known again by that. */
  metaflowCard.upgrade(".mf-events-older", (element, wasOpen) => {
    if (wasOpen !== undefined) element.open = wasOpen;
    return () => element.open;
  });
})();
