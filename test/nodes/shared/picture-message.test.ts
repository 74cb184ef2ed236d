import assert from 'node:assert/strict';
import { responseHeaders } from '../../../nodes/shared/picture-message.js';

describe('the headers of a picture for http response', () => {
  const of = (headers: unknown): unknown =>
    responseHeaders({ res: {}, headers } as never, 'image/jpeg').headers;

  it('are set where somebody waits for an answer', () => {
    for (const res of [undefined, null])
      assert.deepEqual(responseHeaders({ res } as never, 'image/jpeg'), {});
    for (const headers of [undefined, null, 'text', 5, []])
      assert.deepEqual(of(headers), { 'content-type': 'image/jpeg' });
  });

  it('keep what the flow has set, and nothing of the body that was there before', () => {
    const before = {
      ...{ 'Content-Type': 'text/html', 'content-length': '12', 'Content-Encoding': 'gzip', ETag: '"1"' },
      ...{ 'transfer-encoding': 'chunked', 'content-range': 'bytes 0-1/2', 'last-modified': 'then' },
    };
    const kept = { 'cache-control': 'no-store', 'Content-Disposition': 'inline', 'x-mine': 'kept' };
    assert.deepEqual(of({ ...before, ...kept }), { ...kept, 'content-type': 'image/jpeg' });
  });
});
