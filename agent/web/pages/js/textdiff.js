// Which words of a text differ from those of another.

import { h, show } from './dom.js';

// A longer stretch is marked as a whole: the table below grows with the square.
const mostWords = 1500;

// Held against more, each of a thousand versions would be read a thousand times.
const mostOthers = 8;

// A number is one word with its fraction, and so is 1/2, 2-0-1 or a date: of 2,5 and 7,5 no half is marked, and 5 is not found in 2.5.
const word = /\s+|[\p{L}\p{N}]+(?:(?<=\p{N})[.,/-](?=\p{N})[\p{L}\p{N}]+)*|[^\s\p{L}\p{N}]/gu;

/**
 * markDifferences marks, in the rows of a comparison as carelog wrote them, the words of each version that some
 * other one does not have. A cell is marked once.
 */
export function markDifferences(root) {
  for (const row of root.querySelectorAll('.compare tbody tr')) {
    const cells = [...row.querySelectorAll('td:not(.ancestor) > .text')];
    const texts = cells.map((cell) => cell.textContent);
    const different = [...new Set(texts)];
    cells.forEach((cell, i) => {
      if (!cell.querySelector('mark')) show(cell, marked(texts[i], ...different));
    });
  }
}

/** marked returns the nodes of text, with <mark> around the words that one of the others does not have there. */
export function marked(text, ...others) {
  const a = pieces(text);
  const against = others.filter((other) => other && other !== text).slice(0, mostOthers).map((other) => alike(a, pieces(other)));
  if (against.length === 0) return [text];
  const common = new Set([...against[0]].filter((i) => against.every((places) => places.has(i))));
  const nodes = [];
  let run = { text: '', differs: false };
  const close = () => run.text && nodes.push(run.differs ? h('mark', {}, run.text) : run.text);
  a.forEach((piece, i) => {
    // A space between two words that differ belongs to the difference.
    const differs = !common.has(i) || (!piece.trim() && run.differs && i + 1 < a.length && !common.has(i + 1));
    if (differs !== run.differs) {
      close();
      run = { text: '', differs };
    }
    run.text += piece;
  });
  close();
  return nodes;
}

// alike are the places in a of what b has as well: its beginning, its end, and what they share between.
function alike(a, b) {
  const short = Math.min(a.length, b.length);
  let head = 0;
  while (head < short && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < short - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const between = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const places = between.some((list) => list.length > mostWords) ? new Set() : shared(...between);
  return new Set([...a.keys()].filter((i) => i < head || i >= a.length - tail || places.has(i - head)));
}

function pieces(text) {
  return text.match(word) ?? [];
}

// shared are the places in a of a longest common subsequence with b.
function shared(a, b) {
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i * width + j] = a[i] === b[j]
        ? table[(i + 1) * width + j + 1] + 1
        : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
    }
  }
  const places = new Set();
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      places.add(i);
      i++;
      j++;
    } else if (table[(i + 1) * width + j] >= table[i * width + j + 1]) i++;
    else j++;
  }
  return places;
}
