import assert from 'node:assert/strict';
import { ATTACHED_BYTES, clipFields, notAttached } from '../../../nodes/shared/clip-message.js';

describe('the message of a clip', () => {
  const file = '/clips/Home/Gate/140200-door.mp4';

  it('carries the path, and the base name alone as a name', () => {
    assert.deepEqual(clipFields({ file, bytes: 9 }, false), { payload: file, filename: '140200-door.mp4' });
  });

  it('has an attachment as the e-mail node takes it, if it is asked for and mail servers take it', () => {
    const attached = { filename: '140200-door.mp4', path: file, contentType: 'video/mp4' };
    assert.deepEqual(clipFields({ file, bytes: ATTACHED_BYTES }, true).attachments, [attached]);
    assert.equal(notAttached({ file, bytes: ATTACHED_BYTES }, true), undefined);
    assert.equal(clipFields({ file, bytes: ATTACHED_BYTES + 1 }, true).attachments, undefined);
    assert.match(
      notAttached({ file, bytes: ATTACHED_BYTES + 1 }, true)!.message,
      /19 MB is not attached.*"dual"/,
    );
    assert.equal(notAttached({ file, bytes: ATTACHED_BYTES + 1 }, false), undefined);
  });

  it('says what the file is', () => {
    const [attachment] = clipFields({ file: '/a/b.mov', bytes: 1 }, true).attachments as {
      contentType: string;
    }[];
    assert.equal(attachment!.contentType, 'video/quicktime');
  });
});
