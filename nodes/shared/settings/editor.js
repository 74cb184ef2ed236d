// Settings in the editor: defaults and checks of a node type from its table, and rows that are shown only where they count. The build puts the
// tables (`tables`) and the check (`check`, the one that the runtime uses) in front of this, in every node's page.
if (!RED.nvrSettings) {
  const NAMESPACE = '@nvr-flow/node-red-mobotix-nvr/nvr-server:';

  function validator(setting) {
    return function (value, opt) {
      if (check.isVariable(value)) return true;
      const server = this.nvr && RED.nodes.node(this.nvr);
      const problem = check.problemOf(setting, value, { channels: (server && server.channels) || [] });
      if (problem === undefined) return true;
      return opt ? RED._(NAMESPACE + 'invalid.' + problem.sentence, problem.words) : false;
    };
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
    /** Shows the rows that count, now and as the dialog's values change. `prefix`: `node-input` or `node-config-input`. */
    prepare: function (type, prefix) {
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
      for (const [name, setting] of Object.entries(tables[type])) {
        const input = $('#' + prefix + '-' + name).on('change', show);
        // A flow file need not name every property: no blank choices.
        if (setting.kind === 'choice' && !input.val()) input.val(setting.default);
      }
      show();
    },
  };
}
