// The address part of the nvr-server dialog: fills in fields from a pasted URL or a manufacturer's preset,
// and shows the URL that will be requested.

/** `lists` returns the dialog's channels and stream codes. */
RED.nvrAddress.dialog = function (node, lists) {
  // Shows the URL that will be requested, updated while typing, and without the account.
  const asks = function () {
    const at = '#node-config-input-';
    const host = $(at + 'host')
      .val()
      .trim();
    const style = $(at + 'uriStyle').val();
    const template = style === 'custom' ? $(at + 'liveTemplate').val() : RED.nvrAddress.styles[style].live;
    const port =
      $(at + 'rtspPort')
        .val()
        .trim() || '554';
    const rows = lists().channels;
    const channel = rows.length > 0 ? rows[0].channel : 1;
    let path = '';
    try {
      path = RED.nvrAddress.fill(
        template,
        channel - 1 + Number($(at + 'firstChannel').val()),
        lists().streamCodes.main,
      );
    } catch {
      path = template;
    }
    const scheme = $(at + 'tls').prop('checked') ? 'rtsps://' : 'rtsp://';
    const uri = scheme + (/:/.test(host) && !/^\[/.test(host) ? '[' + host + ']' : host) + ':' + port + path;
    $('#nvr-asks').text(host === '' ? '' : node._('asks') + ' ' + uri);
  };
  /** Applies a preset, which sets everything that is needed. */
  const usePreset = function (preset, template) {
    $('#node-config-input-uriStyle').val('custom');
    $('#node-config-input-liveTemplate').val(template || preset.live);
    $('#node-config-input-playbackTemplate').val(preset.playback);
    $('#nvr-code-main').val(preset.codes.main);
    $('#nvr-code-dual').val(preset.codes.dual);
    $('#node-config-input-firstChannel').val(String(preset.firstChannel));
    $('#nvr-preset').val(preset.id);
  };
  /** Distributes a complete URL to the fields. Its password is not displayed. */
  const useAddress = function (text) {
    const address = RED.nvrAddress.split(text);
    if (!address || !/:\/\//.test(text)) return;
    const at = '#node-config-input-';
    $(at + 'host').val(address.host);
    if (address.port) $(at + 'rtspPort').val(String(address.port));
    if (address.tls !== undefined) $(at + 'tls').prop('checked', address.tls);
    if (address.username !== undefined) {
      $(at + 'username').val(address.username);
      $(at + 'password').val(address.password);
    }
    if (address.preset) usePreset(address.preset, address.template);
    else if (address.template) {
      $(at + 'uriStyle').val('custom');
      $(at + 'liveTemplate').val(address.template);
      $(at + 'playbackTemplate').val('');
      $('#nvr-preset').val('');
    }
    // The connection test uses the camera of the pasted URL.
    const isListed = lists().channels.some(function (row) {
      return row.channel === address.channel;
    });
    if (address.channel > 1 && !isListed)
      $('#nvr-channels').editableList('addItem', {
        channel: address.channel,
        name: node._('label.camera') + ' ' + address.channel,
      });
    $(at + 'host, ' + at + 'rtspPort, ' + at + 'tls, ' + at + 'uriStyle, ' + at + 'liveTemplate').trigger(
      'change',
    );
  };
  /** Call once the dialog shows the saved values. */
  const begin = function () {
    for (const preset of RED.nvrAddress.presets)
      $('<option>')
        .val(preset.id)
        .text(preset.tried ? preset.maker : preset.maker + ' (' + node._('preset.untried') + ')')
        .appendTo('#nvr-preset');
    const now = $('#node-config-input-liveTemplate').val();
    const saved = RED.nvrAddress.presets.find(function (preset) {
      return preset.live === now;
    });
    if (node.uriStyle === 'custom' && saved) $('#nvr-preset').val(saved.id);
    $('#nvr-preset').on('change', function () {
      const id = $(this).val();
      const preset = RED.nvrAddress.presets.find(function (one) {
        return one.id === id;
      });
      if (!preset) return;
      usePreset(preset);
      $('#node-config-input-rtspPort').val(String(preset.port));
      $('#node-config-input-uriStyle, #node-config-input-liveTemplate, #node-config-input-rtspPort').trigger(
        'change',
      );
    });
    // A URL pasted into a template field is handled like one in the address field, and its path goes into
    // this template.
    $('#node-config-input-liveTemplate').on('change', function () {
      const text = $(this).val();
      if (!/^\s*rtsps?:\/\//i.test(text)) return;
      $(this).val('');
      useAddress(text);
    });
    $('#node-config-input-liveTemplate')
      .closest('.red-ui-tray-body')
      .on('input change', 'input, select', asks);
  };
  return { use: useAddress, show: asks, begin: begin };
};
