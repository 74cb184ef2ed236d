// Settings in the editor: defaults and checks of a node type from its table, and rows that are shown only
// when they apply. The build puts the tables (`tables`) and the check (`check`, the same as in the runtime)
// in front of this file in every node's page.
if (!RED.nvrSettings) {
  const NAMESPACE = '@nvr-flow/node-red-mobotix-nvr/nvr-server:';

  function validator(setting) {
    return function (value, opt) {
      if (check.isVariable(value)) return true;
      const values = valuesOf(this);
      const server = values.nvr && RED.nodes.node(values.nvr);
      const problem = check.problemOf(setting, value, {
        channels: (server && server.channels) || [],
        values: values,
      });
      if (problem === undefined) return true;
      return opt ? RED._(NAMESPACE + 'invalid.' + problem.sentence, problem.words) : false;
    };
  }

  /** Id of the node whose dialog is open, by prefix. */
  const edited = {};

  /** A node's values; those in its dialog if that is open. */
  function valuesOf(node) {
    const values = Object.assign({}, node);
    for (const prefix of Object.keys(edited).filter((one) => edited[one] === node.id))
      for (const name of Object.keys(tables[node.type])) {
        const input = $('#' + prefix + '-' + name);
        if (input.length > 0) values[name] = input.is(':checkbox') ? input.prop('checked') : input.val();
      }
    return values;
  }

  /**
   * Creates a typed input for a setting and its source: the field itself, a message property, or a variable.
   */
  function typed(node, name, setting, prefix) {
    const input = $('#' + prefix + '-' + name);
    const source = $('#' + prefix + '-' + setting.source);
    const own = {
      value: 'str',
      label: node._(setting.source + '.str'),
      icon: setting.kind === 'time' ? 'fa fa-clock-o' : 'fa fa-video-camera',
    };
    const sources = Object.keys(tables[node.type][setting.source].options);
    const label = input.prevAll('label').first();
    input.typedInput({
      default: 'str',
      typeField: source,
      types: sources.map((type) => (type === 'str' ? own : type)),
    });
    const box = input.next('.red-ui-typedInput-container');
    const field = box.find('.red-ui-typedInput-input').attr('id', input.attr('id') + '-field');
    label.attr('for', field.attr('id'));
    const trigger = box.find('.red-ui-typedInput-type-select');
    const say = function () {
      trigger.attr('aria-label', label.text().trim() + ': ' + trigger.attr('title'));
    };
    // Restores the text of each source when it is selected again, because a number is not a property name.
    const kept = {};
    let last = source.val();
    input.on('typedinputtypechange', function (_event, type) {
      say();
      if (type === last) return;
      kept[last] = field.val();
      last = type;
      input.typedInput('value', kept[type] ?? (type === 'msg' ? name : ''));
    });
    say();
    return field;
  }

  /** Suggests the channels of the chosen NVR while typing. */
  function suggestChannels(input, setting, prefix) {
    const list = $('<datalist>')
      .attr('id', input.attr('id') + '-list')
      .insertAfter(input);
    const source = $('#' + prefix + '-' + setting.source);
    const offer = function () {
      input.attr('list', source.val() === 'str' ? list.attr('id') : null);
    };
    $('#' + prefix + '-channel').on('change', offer);
    offer();
    const chosen = $('#' + prefix + '-nvr');
    const fill = function () {
      const server = RED.nodes.node(chosen.val());
      list.empty();
      if (setting.list) $('<option>').val('*').appendTo(list);
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
    /** The `defaults` of a node type, including the version saved by its dialog. */
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
     * Fills in what the flow file leaves out, and shows or hides rows as the dialog's values change.
     * `prefix`: `node-input` or `node-config-input`.
     */
    prepare: function (node, prefix) {
      edited[prefix] = node.id;
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
        // Values of older versions are shown, and then saved, as they take effect today.
        if (saved[name] !== node[name]) input.val(saved[name]);
        if (setting.kind === 'choice' && !input.val()) input.val(setting.default);
        if (setting.kind === 'boolean' && node[name] === undefined) input.prop('checked', setting.default);
      }
      for (const [name, setting] of Object.entries(tables[node.type])) {
        if (!setting.source) continue;
        const field = typed(node, name, setting, prefix);
        if (setting.kind === 'channel') suggestChannels(field, setting, prefix);
      }
      show();
    },
    /** A setting with its source, for the node's label. */
    shown: function (node, name) {
      const source = node[name + 'Type'];
      return source === 'msg' ? 'msg.' + node[name] : source === 'env' ? '$' + node[name] : node[name];
    },
  };
}
