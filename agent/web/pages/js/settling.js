// Settling a conflict: what is written when somebody has chosen.

import { deleteRecord, request, writeRecord } from './api.js';
import { where, who } from './names.js';
import { moment, words } from './words.js';

/**
 * settle settles the conflict of a page or, where it was settled here before, writes over that
 * alone: keep is the version that stays, content the text of what holds. It returns the event that
 * was made; a conflict that is another by now is an ApiError of status 412.
 */
export async function settle({ type, id, path, over, answer }, { keep, content }) {
  if (over) {
    const { etag } = keep?.deleted ? await deleteRecord(type, id, over) : await writeRecord(type, id, content, over);
    return /"(.*)"/.exec(etag)?.[1] ?? '';
  }
  const heads = `"heads":${JSON.stringify(answer.heads.map((head) => head.event))}`;
  const body = keep ? `{${heads},"keep":"${keep.event}"}` : `{${heads},"content":${content}}`;
  const { text } = await request('POST', `${path}/resolve`, { body, headers: { 'Content-Type': 'application/json' } });
  return JSON.parse(text).event;
}

/** said tells by whom a version is. */
export async function said(head) {
  return words.conflicts.elsewhereBy(await who(head.author), await where(head.device), moment(head.time));
}
