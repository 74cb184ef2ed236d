// Names of journal files: the recorder's id, and the owner if several Node-REDs may use the folder.

import { safeName } from './file-name.js';

/** The end of any recorder's journal with an owner. */
const OWNED = /@([\w-]+)(?:@[\w-]+)?\.jsonl$/;
const OWNER = /^@([\w-]+)(?:@([\w-]+))?\.jsonl$/;

interface JournalOwner {
  readonly owner: string;
  /** The previous owner, if the journal was taken over and is not finished yet. */
  readonly from?: string;
}

export function journalName(id: string, owned?: JournalOwner): string {
  const { owner, from } = owned ?? {};
  const of = owner === undefined ? '' : `@${owner}${from === undefined ? '' : `@${from}`}`;
  return `${prefix(id)}${of}.jsonl`;
}

/** Undefined for a journal without an owner, a journal of another recorder, and any other file. */
export function ownerOf(name: string, id: string): JournalOwner | undefined {
  if (!name.startsWith(prefix(id))) return undefined;
  const [, owner, from] = OWNER.exec(name.slice(prefix(id).length)) ?? [];
  return owner === undefined ? undefined : { owner, ...(from !== undefined && { from }) };
}

/** Whether a file is a journal of an owner, of any recorder, one that was taken over included. */
export function isOwnedBy(name: string, owner: string): boolean {
  return OWNED.exec(name)?.[1] === owner;
}

function prefix(id: string): string {
  return `.nvr-record-${safeName(id)}`;
}
