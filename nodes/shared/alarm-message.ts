// Interprets a message as an alarm.

const MAX_REASON = 200;

/** Whether the payload ends a held alarm. */
export function isOff(payload: unknown): boolean {
  return payload === false || payload === 0 || (typeof payload === 'string' && /^\s*off\s*$/i.test(payload));
}

/** `msg.reason`, else the last part of the topic. */
export function reasonOf({ reason, topic }: { reason?: unknown; topic?: unknown }): string {
  const given: unknown = isText(reason) ? reason : topic;
  const text = isText(given) ? String(given) : '';
  const own = isText(reason) ? text : text.slice(text.lastIndexOf('/') + 1);
  return own.slice(0, MAX_REASON).trim() || 'alarm';
}

function isText(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value.trim() !== '');
}
