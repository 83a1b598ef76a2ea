// Begins: follows the run that the page names.
const setStart = disabled => { const button = document.getElementById('start'); if (button) button.disabled = disabled; };
fc.startBegan = () => {
  setStart(true);
  $('.fc-facts').textContent = 'Taking the files in…';
};
fc.startEnded = () => {
  setStart(false);
  showWatch();
  if (innerWidth < 900 && fc.run) root.scrollIntoView({ behavior: 'smooth', block: 'start' });
};
const follow = () => fc.attach(props.value && props.value.run);
watch('value', follow);
document.addEventListener('visibilitychange', () => { if (!document.hidden && fc.run && (fc.lost || working())) poll(); });
follow();
