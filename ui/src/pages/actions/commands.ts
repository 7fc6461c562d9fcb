/** A word for a POSIX shell. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** A command line for a shell. */
export function shellCommand(...words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}
