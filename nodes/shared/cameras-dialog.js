// The camera part of the nvr-server dialog: the table of channels and names, and the stream codes.

(function () {
  /** Whether a text is a valid channel for the table: a whole number from 1. */
  function isChannel(value) {
    return /^\d{1,4}$/.test(value) && Number(value) > 0;
  }

  function rows() {
    return $('#nvr-channels')
      .editableList('items')
      .map(function () {
        const channel = $(this).find('.nvr-channel').val().trim();
        return { channel: channel, name: $(this).find('.nvr-channel-name').val().trim() };
      })
      .get();
  }

  /** The values of the dialog that are not in plain inputs. */
  function lists() {
    const channels = rows()
      .filter(function (row) {
        return isChannel(row.channel) && row.name;
      })
      .map(function (row) {
        return { channel: Number(row.channel), name: row.name };
      });
    // The NVR's own URI forms only use M and D; hidden codes must have no effect.
    const custom = $('#node-config-input-uriStyle').val() === 'custom';
    const code = function (name, usual) {
      return (custom && $('#nvr-code-' + name).val()) || usual;
    };
    return { channels: channels, streamCodes: { main: code('main', 'M'), dual: code('dual', 'D') } };
  }

  /** One more than the highest number in the table. */
  function next() {
    const numbers = rows().map(function (row) {
      return isChannel(row.channel) ? Number(row.channel) : 0;
    });
    return Math.max(0, ...numbers) + 1;
  }

  RED.nvrCameras = {
    lists: lists,
    /** Adds channels that the table does not have yet. */
    add: function (node, channels) {
      const present = rows().map(function (row) {
        return Number(row.channel);
      });
      for (const channel of channels)
        if (!present.includes(channel))
          $('#nvr-channels').editableList('addItem', {
            channel: channel,
            name: node._('label.camera') + ' ' + channel,
          });
    },
    /** Creates the table with the saved channels; returns `lists`. */
    table: function (node) {
      const codes = node.streamCodes || {};
      $('#nvr-code-main').val(codes.main);
      $('#nvr-code-dual').val(codes.dual);
      $('#nvr-channels').editableList({
        height: 'auto',
        removable: true,
        sortable: true,
        addItem: function (row, _index, data) {
          const number = data.channel || next();
          $('<input type="text" class="nvr-channel" style="width:60px; margin-right:6px">')
            .attr({ placeholder: '3', 'aria-label': node._('label.channelNumber') })
            .val(number)
            .appendTo(row)
            .on('change', function () {
              const given = $(this).val();
              $(this).toggleClass('input-error', given !== '' && !isChannel(given.trim()));
            });
          $('<input type="text" class="nvr-channel-name" style="width:60%">')
            .attr({ placeholder: node._('label.channelName'), 'aria-label': node._('label.cameraName') })
            .val(data.name)
            .appendTo(row);
        },
      });
      for (const row of node.channels || []) $('#nvr-channels').editableList('addItem', row);
      return lists;
    },
  };
})();
