// The manual's page of makers, from what the dialog offers.

import { PRESETS, type Preset } from '../../lib/nvr/presets/makers.js';
import { expandTemplate } from '../../lib/nvr/uri-template.js';
import { settingsFor } from '../kit/settings.js';

/** The page, in Markdown. */
export function camerasPage(): string {
  const rows = [...PRESETS]
    .sort((one, other) => one.maker.localeCompare(other.maker, 'en'))
    .map(
      (preset) =>
        `| ${preset.maker} | \`${pathOf(preset, 'main')}\` | ${dualOf(preset)} | ${preset.port} | ${preset.playback === '' ? '' : 'yes'} | [source](${preset.source}) |`,
    );
  return `# Cameras and recorders

The dialog of an NVR knows how these are asked: paste a URL from the camera's manual, or choose the maker under _Cameras_. What it sets can be changed by hand, and any other camera works with a template of your own.

**None of these was tried here with a device.** Each line is what its source says; makers change their paths between series. Tell us what worked, or did not: there is a form for it among the issue templates.

Paths are of channel 1, as the preset's own values make them. _Recordings_: a path for playback is known too.

| maker | main stream | sub stream | port | recordings | |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function dualOf(preset: Preset): string {
  const dual = pathOf(preset, 'dual');
  return dual === pathOf(preset, 'main') ? 'the same' : `\`${dual}\``;
}

function pathOf({ live, codes, firstChannel, port }: Preset, stream: string): string {
  const account = { username: 'admin', password: 'secret' };
  const settings = settingsFor(port, { streamCodes: codes, firstChannel, ...account });
  return expandTemplate(live, settings, 1, stream);
}
