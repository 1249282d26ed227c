// Choosing a language, with one click.

const cookie = 'carelog-language';

/** languagePicker makes the buttons choose; what is typed outlives the load that the choice takes. */
export function languagePicker() {
  for (const button of document.querySelectorAll('.languages button')) {
    button.addEventListener('click', () => {
      document.cookie = `${cookie}=${button.lang}; path=/; samesite=strict; max-age=31536000`;
      location.reload();
    });
  }
}
