// What a journal's file is called: by the recorder it is of, and, where several Node-REDs may use the folder,
// by whose it is.

import { safeName } from './file-name.js';

const OWNER = /^@([\w-]+)(?:@([\w-]+))?\.jsonl$/;

export interface JournalOwner {
  readonly owner: string;
  /** Who left it to the owner, who is not through with it. */
  readonly from?: string;
}

export function journalName(id: string, owned?: JournalOwner): string {
  const { owner, from } = owned ?? {};
  const of = owner === undefined ? '' : `@${owner}${from === undefined ? '' : `@${from}`}`;
  return `${prefix(id)}${of}.jsonl`;
}

/** Undefined: a journal of no owner, or of another recorder, or none. */
export function ownerOf(name: string, id: string): JournalOwner | undefined {
  if (!name.startsWith(prefix(id))) return undefined;
  const [, owner, from] = OWNER.exec(name.slice(prefix(id).length)) ?? [];
  return owner === undefined ? undefined : { owner, ...(from !== undefined && { from }) };
}

function prefix(id: string): string {
  return `.nvr-record-${safeName(id)}`;
}
