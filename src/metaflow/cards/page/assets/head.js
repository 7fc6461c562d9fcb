try { const theme = localStorage.getItem("metaflow-card-theme"); if (theme) document.documentElement.dataset.theme = theme; } catch { /* no storage in this frame */ }
