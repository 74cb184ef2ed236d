// The address part of the nvr-server dialog: fills in fields from a pasted URL or a manufacturer's preset,
// and shows the URL that will be requested.

/** `lists` returns the dialog's channels and stream codes. */
RED.nvrAddress.dialog = function (node, lists) {
  // Shows the URL that will be requested, updated while typing, and without the account.
  const asks = function (event) {
    const at = '#node-config-input-';
    const host = $(at + 'host')
      .val()
      .trim();
    const isRead = node._def.defaults.host.validate.call(node, host);
    if (host === '' || !isRead) {
      const isTyping =
        event &&
        event.type === 'input' &&
        event.target.id === 'node-config-input-host' &&
        event.originalEvent.inputType !== 'insertFromPaste';
      $('#nvr-asks').text(host === '' || isTyping ? '' : node._('unread'));
      return;
    }
    const named = RED.nvrAddress.split(host) || { host: host };
    const style = $(at + 'uriStyle').val();
    const template = style === 'custom' ? $(at + 'liveTemplate').val() : RED.nvrAddress.styles[style].live;
    const port =
      named.port ||
      $(at + 'rtspPort')
        .val()
        .trim() ||
      '554';
    const rows = lists().channels;
    const channel = rows.length > 0 ? rows[0].channel : 1;
    let path = '';
    try {
      path = RED.nvrAddress.fill(
        template,
        channel - 1 + Number($(at + 'firstChannel').val()),
        lists().streamCodes.main,
        {
          username: function () {
            return $(at + 'username').val();
          },
          password: function () {
            return '***';
          },
        },
      );
    } catch {
      path = template;
    }
    const scheme = $(at + 'tls').prop('checked') ? 'rtsps://' : 'rtsp://';
    const uri = scheme + (/:/.test(named.host) ? '[' + named.host + ']' : named.host) + ':' + port + path;
    const isOne = rows.length > 1 && !/\{ch[:}]/.test(template);
    $('#nvr-asks').text(
      node._('asks') +
        ' ' +
        uri.replace(RED.nvrAddress.secretParameters, '$1=***') +
        (isOne ? '. ' + node._('oneCamera') : ''),
    );
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
  /**
   * If a maker's template was typed into the field, sets the other fields that it needs, unless they were
   * changed from the MOVE NVR's values.
   */
  const complete = function (template) {
    const preset = RED.nvrAddress.presets.find(function (one) {
      return one.live === template;
    });
    const codes = lists().streamCodes;
    const isUsual = codes.main === 'M' && codes.dual === 'D';
    if ($('#node-config-input-uriStyle').val() !== 'custom') return;
    if (!preset || !isUsual || template === node.liveTemplate) return;
    const playback = $('#node-config-input-playbackTemplate').val();
    usePreset(preset);
    if (playback) $('#node-config-input-playbackTemplate').val(playback);
  };
  /** Moves an account out of a text that is no address: the address field is saved in the flow file. */
  const keepAccount = function (text) {
    const begin = text.indexOf('://') === -1 ? 0 : text.indexOf('://') + 3;
    const end = text.lastIndexOf('@');
    if (end < begin) return;
    const account = text.slice(begin, end);
    const colon = account.indexOf(':');
    $('#node-config-input-username').val(colon === -1 ? account : account.slice(0, colon));
    $('#node-config-input-password').val(colon === -1 ? '' : account.slice(colon + 1));
    $('#node-config-input-host').val(text.slice(0, begin) + text.slice(end + 1));
  };
  /** Splits a pasted address that is more than a host into the fields. The password field hides its text. */
  const useAddress = function (text) {
    if (!/[\s/@]/.test(text.trim())) return;
    const address = RED.nvrAddress.split(text);
    if (!address) return void keepAccount(text);
    const at = '#node-config-input-';
    $(at + 'host').val(address.host);
    if (address.port) $(at + 'rtspPort').val(String(address.port));
    if (address.httpPort) $(at + 'httpPort').val(String(address.httpPort));
    if (address.httpTls) $(at + 'httpTls').prop('checked', true);
    if (address.tls !== undefined) $(at + 'tls').prop('checked', address.tls);
    if (address.username !== undefined) {
      $(at + 'username').val(address.username);
      $(at + 'password').val(address.password);
    }
    if (address.style) {
      $(at + 'uriStyle').val(address.style);
      $(at + 'firstChannel').val('0');
      $('#nvr-preset').val('');
    } else if (address.preset) usePreset(address.preset, address.template);
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
    for (const name of ['host', 'rtspPort', 'tls', 'httpPort', 'httpTls', 'uriStyle', 'liveTemplate'])
      $(at + name).trigger('change');
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
    let presetPort = '554';
    $('#nvr-preset').on('change', function () {
      const id = $(this).val();
      const preset = RED.nvrAddress.presets.find(function (one) {
        return one.id === id;
      });
      if (!preset) return;
      usePreset(preset);
      // Replaces only the default port or that of the preset before, not one that was typed or pasted.
      const port = $('#node-config-input-rtspPort');
      if (['', '554', presetPort].includes(port.val().trim())) port.val(String(preset.port));
      presetPort = String(preset.port);
      $('#node-config-input-uriStyle, #node-config-input-liveTemplate, #node-config-input-rtspPort').trigger(
        'change',
      );
    });
    // A URL pasted into a template field is handled like one in the address field, and its path goes into
    // this template.
    $('#node-config-input-liveTemplate').on('change', function () {
      const text = $(this).val();
      if (!/^\s*rtsps?:\/\//i.test(text)) return void complete(text.trim());
      $(this).val('');
      $('#node-config-input-host').val(text);
      useAddress(text);
      asks();
    });
    // If the URL of a recording is pasted, only its path is used, since the host is that of the live
    // pictures. For a known maker it is replaced by the preset, which has placeholders for the times.
    $('#node-config-input-playbackTemplate').on('change', function () {
      const address = /^\s*rtsps?:\/\//i.test($(this).val()) && RED.nvrAddress.split($(this).val());
      if (!address) return;
      const maker = RED.nvrAddress.styles[address.style] || address.preset || {};
      $(this)
        .val(maker.playback || address.template || '')
        .trigger('change');
    });
    $('#node-config-input-liveTemplate')
      .closest('.red-ui-tray-body')
      .on('input change', 'input, select', asks);
  };
  return { use: useAddress, show: asks, begin: begin };
};
