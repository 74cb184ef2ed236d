// Settings in the editor: defaults and checks of a node type from its table, and rows that are shown only
// where they count. The build puts the tables (`tables`) and the check (`check`, the one that the runtime
// uses) in front of this, in every node's page.
if (!RED.nvrSettings) {
  const NAMESPACE = '@nvr-flow/node-red-mobotix-nvr/nvr-server:';

  function validator(setting) {
    return function (value, opt) {
      if (check.isVariable(value)) return true;
      const server = this.nvr && RED.nodes.node(this.nvr);
      const problem = check.problemOf(setting, value, {
        channels: (server && server.channels) || [],
        values: this,
      });
      if (problem === undefined) return true;
      return opt ? RED._(NAMESPACE + 'invalid.' + problem.sentence, problem.words) : false;
    };
  }

  /** The channels of the chosen NVR, as one types. */
  function suggestChannels(input, setting, prefix) {
    const list = $('<datalist>')
      .attr('id', input.attr('id') + '-list')
      .insertAfter(input);
    input.attr('list', list.attr('id'));
    const chosen = $('#' + prefix + '-nvr');
    const fill = function () {
      const server = RED.nodes.node(chosen.val());
      list.empty();
      if (setting.all || setting.list) $('<option>').val('*').appendTo(list);
      for (const row of (server && server.channels) || [])
        $('<option>')
          .val(row.name)
          .text(row.channel + ' - ' + row.name)
          .appendTo(list);
    };
    chosen.on('change', fill);
    fill();
  }

  RED.nvrSettings = {
    /** `defaults` of a node type, with the version that its dialog saves. */
    defaults: function (type) {
      const defaults = { version: { value: tables.version } };
      for (const [name, setting] of Object.entries(tables[type])) {
        const value = setting.kind === 'number' ? String(setting.default ?? '') : setting.default;
        defaults[name] = { value: value, validate: validator(setting) };
        if (setting.kind === 'config')
          Object.assign(defaults[name], { type: setting.type, required: setting.required === true });
      }
      return defaults;
    },
    /**
     * Fills in what the flow file does not name, and shows the rows that count as the dialog's values change.
     * `prefix`: `node-input` or `node-config-input`.
     */
    prepare: function (node, prefix) {
      const rows = $('[data-nvr-when]');
      const show = function () {
        rows.each(function () {
          const when = $(this).data('nvr-when');
          $(this).toggle(
            Object.entries(when).every(function ([name, values]) {
              const input = $('#' + prefix + '-' + name);
              return values.includes(String(input.is(':checkbox') ? input.prop('checked') : input.val()));
            }),
          );
        });
      };
      const saved = migrations.migrate(node.type, node);
      for (const [name, setting] of Object.entries(tables[node.type])) {
        const input = $('#' + prefix + '-' + name).on('change', show);
        // What an older version saved is shown as it acts now: it is saved so, too.
        if (saved[name] !== node[name]) input.val(saved[name]);
        if (setting.kind === 'choice' && !input.val()) input.val(setting.default);
        if (setting.kind === 'boolean' && node[name] === undefined) input.prop('checked', setting.default);
        if (setting.kind === 'channel') suggestChannels(input, setting, prefix);
      }
      show();
    },
  };
}
