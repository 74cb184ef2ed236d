import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import path from 'node:path';
import { cleanUpExports, exportEvidence } from '../../../lib/nvr/evidence/evidence.js';
import { canonical } from '../../../lib/nvr/evidence/manifest.js';
import { signingKey } from '../../../lib/nvr/evidence/signing-key.js';
import type { RecorderFs } from '../../../lib/nvr/recorder/types.js';
import { systemError } from '../../kit/recorder-rig.js';
import { EPOCH, EvidenceRig, manifestOf } from '../../kit/evidence-rig.js';

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

describe('an export of evidence', () => {
  let rig: EvidenceRig;

  beforeEach(() => {
    rig = new EvidenceRig();
  });

  afterEach(async () => {
    await rig.close();
  });

  for (const plain of [false, true])
    it(`holds the clips of its span bit for bit, and a hash of every second of ${plain ? 'plain' : 'fragmented'} files`, async () => {
      await rig.close();
      rig = new EvidenceRig({ plain });
      const clips = await rig.record();
      const result = await rig.export();
      assert.deepEqual(fs.readdirSync(result.folder).sort(), [
        ...clips.map((clip, index) => `000${index + 1}-${path.basename(clip.file)}`),
        'manifest.json',
        'verify.html',
      ]);
      const manifest = manifestOf(result);
      for (const [index, file] of manifest.files.entries()) {
        const clip = clips[index]!;
        const bytes = fs.readFileSync(path.join(result.folder, file.name));
        assert.deepEqual(bytes, fs.readFileSync(clip.file));
        assert.deepEqual(
          { sha256: file.sha256, recordedSha256: file.recordedSha256, bytes: file.bytes },
          { sha256: sha256(bytes), recordedSha256: clip.sha256, bytes: bytes.length },
        );
        assert.deepEqual(
          { start: file.start, end: file.end, timeSource: file.timeSource },
          { start: clip.start, end: clip.end, timeSource: 'arrival' },
        );
        assert.deepEqual(file.marks, []);
        let at = 0;
        for (const span of file.spans) {
          assert.equal(span.offset, at);
          at += span.bytes;
          assert.equal(span.sha256, sha256(bytes.subarray(span.offset, at)));
        }
        assert.equal(at, bytes.length);
        const times = file.spans.map((span) => span.at).slice(1);
        assert.ok(
          times.every((time, i) => i === 0 || time! - times[i - 1]! <= 1080),
          times.join(),
        );
        assert.ok(times.length >= clip.durationMs / 1000, times.join());
      }
      assert.deepEqual({ missing: manifest.missing, gone: manifest.gone }, { missing: [], gone: [] });
      assert.deepEqual(manifest.asked, { from: EPOCH + 10_000, to: EPOCH + 22_000 });
      assert.match(manifest.package.version, /^\d+\.\d+\.\d+/);
    });

  it('is signed with Ed25519 over its canonical JSON, by a key that is made once, for its owner alone', async () => {
    await rig.record();
    const { signature, ...manifest } = manifestOf(await rig.export());
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(manifest.publicKey, 'base64').toString('base64url') },
      format: 'jwk',
    });
    const isRight = (text: string): boolean =>
      verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'));
    assert.ok(isRight(canonical(manifest)));
    assert.ok(!isRight(canonical({ ...manifest, channel: 'other' })));
    assert.equal(fs.statSync(rig.keyFile).mode & 0o777, 0o600);
    assert.deepEqual(fs.readdirSync(rig.userDir), ['nvr-signing-key.pem']);
    const pem = fs.readFileSync(rig.keyFile, 'utf8');
    assert.match(pem, /^-----BEGIN PRIVATE KEY-----/);
    const secret = pem.split('\n')[1]!;
    const folder = path.join(rig.rig.folder, 'exports');
    for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile())
        assert.ok(!fs.readFileSync(path.join(entry.parentPath, entry.name)).includes(secret), entry.name);
    assert.equal((await rig.export()).publicKey, manifest.publicKey);
  });

  it('closes a key that others may read, and refuses a file that holds none', async () => {
    const { publicKey } = await signingKey(fsPromises, rig.keyFile);
    const other = path.join(rig.userDir, 'other.pem');
    fs.copyFileSync(rig.keyFile, other);
    fs.chmodSync(other, 0o644);
    assert.equal((await signingKey(fsPromises, other)).publicKey, publicKey);
    assert.equal(fs.statSync(other).mode & 0o777, 0o600);
    const bad = path.join(rig.userDir, 'bad.pem');
    fs.writeFileSync(bad, 'no key');
    await assert.rejects(signingKey(fsPromises, bad), { code: 'EINPUT' });
    fs.rmSync(bad);
    assert.ok((await signingKey(fsPromises, bad)).publicKey, 'put right, it works');
    await assert.rejects(signingKey(fsPromises, path.join(rig.userDir, 'none', 'key.pem')), {
      code: 'EDISK',
    });
  });

  it('has the canonical JSON of RFC 8785', () => {
    assert.equal(
      canonical({ b: [1, 'ü"\n', null, true], a: { z: 1.5, y: undefined }, é: 1e21 }),
      '{"a":{"z":1.5},"b":[1,"ü\\"\\n",null,true],"é":1e+21}',
    );
  });

  it('marks a clip that is still being recorded, one that a crash cut short, one from the NVR, and one that has changed', async () => {
    const [first, second, third] = await rig.record();
    const journal = path.join(rig.rig.folder, '.nvr-record-test.jsonl');
    const lines = fs
      .readFileSync(journal, 'utf8')
      .split('\n')
      .map((line) => {
        if (!line.includes('"done"')) return line;
        const entry = JSON.parse(line) as { file: string; untold: Record<string, unknown> };
        if (entry.file === path.basename(first!.file)) entry.untold.recovered = true;
        if (entry.file === path.basename(second!.file)) entry.untold.source = 'playback';
        return JSON.stringify(entry);
      });
    fs.writeFileSync(journal, lines.join('\n'));
    const bytes = fs.readFileSync(third!.file);
    bytes[bytes.length >> 1]! ^= 1;
    fs.writeFileSync(third!.file, bytes);
    await rig.record(8, true);
    while (rig.rig.files().every((name) => !name.endsWith('.part')))
      await new Promise((resolve) => setImmediate(resolve));
    const { files } = manifestOf(await rig.export({ to: EPOCH + 60_000 }));
    const marks = new Map(files.map((file) => [file.name.slice(5), file.marks]));
    assert.deepEqual(marks.get(path.basename(first!.file)), ['recovered']);
    assert.deepEqual(marks.get(path.basename(second!.file)), ['backfilled']);
    assert.deepEqual(marks.get(path.basename(third!.file)), ['changed']);
  });

  it('holds what has been written so far of the clip at hand', async () => {
    rig.rig.recorder.arm();
    await rig.rig.ready();
    await rig.record(3, true);
    const { file } = await rig.rig.event('recording');
    while (fs.statSync(`${file}.part`).size < 1000) await new Promise((resolve) => setImmediate(resolve));
    const result = await rig.export();
    const [part] = manifestOf(result).files;
    assert.deepEqual(part!.marks, ['part']);
    assert.ok(part!.frames > 0 && part!.durationMs > 0);
    assert.ok(!part!.name.endsWith('.part'));
  });

  it('tells of clips that are gone, and of the time that nothing holds', async () => {
    const [first, second] = await rig.record();
    fs.rmSync(second!.file);
    const { gone, missing, files } = manifestOf(
      await rig.export({ from: first!.start - 5000, to: EPOCH + 21_000 }),
    );
    assert.deepEqual(gone, [{ start: second!.start, end: second!.end }]);
    assert.deepEqual(missing, [
      { from: first!.start - 5000, to: first!.start },
      { from: first!.end, to: second!.end },
    ]);
    assert.ok(files.length >= 2);
  });

  it('gets a number behind a name that is taken, and waits for no other of its name', async () => {
    await rig.record();
    const names = [];
    for (let i = 0; i < 2; i++) names.push(path.basename((await rig.export({ name: 'Gate/../1' })).folder));
    assert.deepEqual(names, ['Gate_.._1', 'Gate_.._1-2']);
    const both = await Promise.allSettled([rig.export({ name: 'x' }), rig.export({ name: 'x' })]);
    const refused = both.filter((one) => one.status === 'rejected');
    assert.equal(refused.length, 1);
    assert.equal((refused[0]!.reason as { code: string }).code, 'EBUSY');
  });

  it('says why there is nothing to export', async () => {
    const clips = await rig.record();
    const now = EPOCH + rig.rig.now;
    await assert.rejects(rig.export({ from: now + 1, to: now + 2 }), { code: 'EINPUT', message: /future/ });
    await assert.rejects(rig.export({ from: 9, to: 8 }), { code: 'EINPUT' });
    await assert.rejects(rig.export({ from: 1, to: 2 }), { code: 'ENORECORDING' });
    for (const { file } of clips) fs.rmSync(file);
    await assert.rejects(rig.export(), { code: 'ENORECORDING', message: /deleted/ });
    assert.deepEqual(rig.exports(), []);
  });

  it('refuses a month of files in one, and what the disk has no room for, before anything is written', async () => {
    const day = 24 * 3_600_000;
    fs.writeFileSync(
      path.join(rig.rig.folder, '.nvr-record-test.jsonl'),
      Array.from({ length: 1001 }, (_, index) => {
        const untold = { start: index * 1000, end: index * 1000 + 1000 };
        return `${JSON.stringify({ op: 'done', file: `${index}.mp4`, end: untold.end, bytes: 1, untold })}\n`;
      }).join(''),
    );
    await assert.rejects(rig.export({ from: 0, to: 30 * day }), { code: 'EINPUT', message: /several parts/ });
    const untold = { start: 0, end: day, durationMs: day + 1 };
    const line = { op: 'done', file: 'long.mp4', end: day, bytes: 1, untold };
    fs.writeFileSync(path.join(rig.rig.folder, '.nvr-record-test.jsonl'), `${JSON.stringify(line)}\n`);
    await assert.rejects(rig.export({ from: 0, to: day }), {
      code: 'EINPUT',
      message: /1 files with 25 h of video/,
    });
    await rig.close();
    rig = new EvidenceRig();
    await rig.record();
    const context = rig.context({}, Number.MAX_SAFE_INTEGER);
    await assert.rejects(exportEvidence(context, { from: EPOCH, to: EPOCH + 60_000 }), { code: 'EDISK' });
    assert.deepEqual(rig.exports(), []);
  });

  it('leaves nothing behind where the disk fills in the middle, and does it all the next time', async () => {
    await rig.record();
    let opened = 0;
    const open = ((file: string, flags: number, mode?: number) =>
      file.includes('exports') && ++opened === 2
        ? Promise.reject(systemError('ENOSPC'))
        : fsPromises.open(file, flags, mode)) as RecorderFs['open'];
    await assert.rejects(rig.export({}, { open }), { code: 'EDISK', message: /full/ });
    assert.deepEqual(rig.exports(), []);
    assert.equal((await rig.export()).gone, 0);
  });

  it('is not there under its name before it is whole, and what a kill has left is removed at the next start', async () => {
    await rig.record();
    const seen: string[][] = [];
    const rename = ((from: string, to: string) => {
      seen.push(rig.exports());
      return fsPromises.rename(from, to);
    }) as RecorderFs['rename'];
    await rig.export({ name: 'door' }, { rename });
    assert.deepEqual(seen, [['door.part']]);
    const left = path.join(rig.rig.folder, 'exports', 'killed.part');
    fs.mkdirSync(left);
    fs.writeFileSync(path.join(left, '0001-x.mp4'), 'half');
    const others = path.join(rig.rig.folder, 'exports', 'door@other.part');
    fs.mkdirSync(others);
    await cleanUpExports(fsPromises, rig.rig.folder, 'one');
    assert.deepEqual(rig.exports(), ['door', 'door@other.part', 'killed.part']);
    await cleanUpExports(fsPromises, rig.rig.folder, 'other');
    await cleanUpExports(fsPromises, rig.rig.folder);
    assert.deepEqual(rig.exports(), ['door']);
  });

  it('is stopped with nothing left', async () => {
    await rig.record();
    await assert.rejects(rig.export({ signal: AbortSignal.abort() }), { code: 'EINPUT', message: /stopped/ });
    assert.deepEqual(rig.exports(), []);
  });
});
