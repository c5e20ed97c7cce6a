// The theme of the landing page: the system's, until somebody chooses one.
const root = document.documentElement;
const kept = localStorage.getItem('haoma-theme');
if (kept) root.dataset.theme = kept;
document.addEventListener('click', (event) => {
  if (!event.target.closest('[data-theme-next]')) return;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  localStorage.setItem('haoma-theme', root.dataset.theme);
});
