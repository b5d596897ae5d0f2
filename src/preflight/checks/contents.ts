/** What the target must have, or must not have yet: modules, functions, commands, databases, room in names. */
import { isOwnKey, OWN_PREFIX } from '../../mirror/own-keys.js';
import { number } from '../../observe/figures.js';
import { Scope } from '../../topology/scope.js';
import { callsOf, databasesOf, type Facts, isCluster, type SideFacts } from '../facts.js';
import { blocker, type Finding, note, warning } from '../finding.js';
import { keyText, some, spokenWithCalls } from '../wording.js';

export function checkContents(facts: Facts): Finding[] {
  return [
    ...modules(facts),
    ...functions(facts),
    ...commands(facts),
    ...[facts.source, facts.target].flatMap(urlDatabase),
    ...databases(facts),
    ...notEmpty(facts),
    ...reservedNames(facts),
  ];
}

function modulesOf(side: SideFacts): Map<string, number> {
  return new Map(side.servers.flatMap(({ modules: found }) => [...(found ?? [])]));
}

function modules({ source, target, sample }: Facts): Finding[] {
  const there = modulesOf(target);
  const isKnown = target.servers.every(({ modules: found }) => found !== null);
  const missing = [...modulesOf(source)].filter(([name]) => !there.has(name));
  if (missing.length === 0) return [];
  const types = [...new Set(sample.keys.filter(({ length }) => length === null).map(({ type }) => type))];
  const evidence = `on the source: ${missing.map(([name, version]) => `${name} ${version}`).join(', ')}${types.length === 0 ? '' : `; keys of its types: ${types.join(', ')}`}`;
  if (!isKnown) {
    return [
      note(
        'modules-unread',
        'The source has modules, and whether the target has them too could not be read.',
        evidence,
        'Make sure that the target offers the same modules.',
      ),
    ];
  }
  return [
    blocker(
      'modules-missing',
      'Modules of the source are not loaded on the target: their keys cannot be copied there, and their commands will fail.',
      evidence,
      'Load them on the target (MODULE LOAD, or loadmodule in its configuration), or choose a service that offers them.',
    ),
  ];
}

function functions({ source, target }: Facts): Finding[] {
  const libraries = [...new Set(source.servers.flatMap(({ libraries: found }) => found ?? []))];
  if (libraries.length === 0) return [];
  const evidence = `libraries on the source: ${some(libraries)}`;
  if (target.commands !== null && !target.commands.has('function')) {
    return [
      blocker(
        'functions-impossible',
        'The source has functions, and the target is too old for any.',
        evidence,
        'Use a target of Redis 7.0 or later, or have the application use EVAL.',
      ),
    ];
  }
  const there = new Set(target.servers.flatMap(({ libraries: found }) => found ?? []));
  const missing = libraries.filter((name) => !there.has(name));
  if (missing.length === 0) return [];
  return [
    note(
      'functions-missing',
      'Functions of the source are not on the target yet; the backfill copies them.',
      `not there: ${some(missing)}`,
      'Nothing, if Ferry may use FUNCTION RESTORE there; else load them by hand.',
    ),
  ];
}

/** What the application would get an error for after the cutover. */
function commands({ source, target, config }: Facts): Finding[] {
  if (target.commands === null) return [];
  const known = target.commands;
  const listsSubcommands = [...known.keys()].some((name) => name.includes('|'));
  const missing = [...callsOf(source)].filter(([name, calls]) => {
    const bar = name.indexOf('|');
    const container = bar < 0 ? name : name.slice(0, bar);
    if (calls === 0 || known.has(name) || (config.rename.target[container] ?? '') !== '') return false;
    return bar < 0 || listsSubcommands || !known.has(container);
  });
  const isAdministrative = ([name]: [string, number]): boolean => {
    const flags = source.commands?.get(name)?.flags;
    return flags?.has('admin') === true || /^(latency|slowlog|memory|client|command|module|acl|config)\b/.test(name);
  };
  const findings: Finding[] = [];
  const spoken = (which: [string, number][]): string =>
    some(which.map(([name, calls]) => spokenWithCalls(name, calls)));
  const used = missing.filter((one) => !isAdministrative(one));
  if (used.length > 0) {
    findings.push(
      blocker(
        'commands-missing',
        'Commands that are in use on the source do not exist on the target: they will fail after the cutover.',
        `calls on the source since its start: ${spoken(used)}`,
        'Use a target that has them, or change the application first. If they are renamed there, tell Ferry: --rename-target NAME=OTHER.',
      ),
    );
  }
  const administrative = missing.filter(isAdministrative);
  if (administrative.length > 0) {
    findings.push(
      note(
        'tools-missing',
        'Administrative commands that were used on the source do not exist on the target.',
        `calls on the source since its start: ${spoken(administrative)}`,
        'Check the tools that use them: monitoring, backups, consoles.',
      ),
    );
  }
  return findings;
}

/** Ferry does not even start then. */
function urlDatabase(side: SideFacts): Finding[] {
  const lacking = side.servers.filter(({ lacksDatabase }) => lacksDatabase);
  if (lacking.length === 0) return [];
  const { db, url } = side.endpoint;
  return [
    blocker(
      `${side.side}-database`,
      `The ${side.side} does not have the database that its URL names.`,
      `no database ${db} on ${lacking.map(({ name }) => name).join(', ')}: ${url}`,
      `Correct the URL, or set databases ${db + 1} in the configuration of that server and restart it.`,
    ),
  ];
}

function databases({ source, target, config }: Facts): Finding[] {
  const scope = Scope.of(config.scope);
  const isMigrated = (db: number): boolean => scope === null || scope.hasDb(db);
  const used = [...databasesOf(source)].filter(([db, { keys }]) => keys > 0 && isMigrated(db)).map(([db]) => db);
  const shown = (dbs: readonly number[]): string => {
    const sizes = databasesOf(source);
    return dbs.map((db) => `db${db} (${number(sizes.get(db)?.keys ?? 0)} keys)`).join(', ');
  };
  if (isCluster(target) && !isCluster(source)) {
    // the database of the source's URL becomes the Cluster's only one
    const without = used.filter((db) => db !== config.source.db && !Object.hasOwn(config.dbPrefix, String(db)));
    if (without.length === 0) return [];
    const prefixes = without.map((db) => `${db}=db${db}:`).join(',');
    return [
      blocker(
        'databases-on-cluster',
        'The source has keys in several databases, and a Cluster has one: they have no place on the target.',
        `${shown(without)} beside db${config.source.db}`,
        `Give them prefixes (--db-prefix ${prefixes}), merge them in the application, or leave out what is not needed (--exclude-dbs).`,
      ),
    ];
  }
  const findings: Finding[] = [];
  // the database of the source's URL becomes the target's, which another one would have become by its number
  if (config.source.db !== config.target.db && used.includes(config.target.db)) {
    findings.push(
      blocker(
        'databases-collide',
        `The database of the source's URL goes to database ${config.target.db} of the target, and so would the source's own database ${config.target.db}.`,
        `${shown([config.target.db])} on the source beside db${config.source.db}`,
        `Leave it out (--exclude-dbs ${config.target.db}), or give a URL of the target with a database that the source does not use.`,
      ),
    );
  }
  // a node of a Cluster has one, whatever its settings say
  const offered = Math.min(
    ...target.servers.map(({ clusterInfo, settings }) =>
      clusterInfo === '' ? Number(settings?.get('databases') ?? Infinity) : 1,
    ),
  );
  // of the two that the URLs name the one has its place, and the other has just been spoken of
  const beyond = used.filter((db) => db >= offered && db !== config.source.db && db !== config.target.db);
  if (beyond.length > 0) {
    findings.push(
      blocker(
        'databases-missing',
        'The source has keys in databases that the target does not have.',
        `${shown(beyond)}; the target has ${offered} databases`,
        `Set databases ${Math.max(...beyond) + 1} in the target's configuration and restart it.`,
      ),
    );
  }
  return findings;
}

function notEmpty({ target, live }: Facts): Finding[] {
  // the lease, also of a Ferry that has gone, is none of the data; where its key may not be looked at, one runs
  const own = live !== null || target.servers.some(({ holdsLease }) => holdsLease) ? 1 : 0;
  const there = [...databasesOf(target)]
    .map(([db, { keys }]) => ({ db, keys: db === target.endpoint.db ? keys - own : keys }))
    .filter(({ keys }) => keys > 0);
  if (there.length === 0) return [];
  return [
    note(
      'target-not-empty',
      'The target has keys already. Those that the source does not have are deleted by a verification with --repair.',
      there.map(({ db, keys }) => `db${db}: ${number(keys)} keys`).join(', '),
      'If they are left over from a trial, FLUSHALL there first, which also lets reads move sooner. If they are needed, choose another target.',
    ),
  ];
}

function reservedNames({ sample }: Facts): Finding[] {
  const taken = sample.keys.filter(({ key }) => isOwnKey(key));
  if (taken.length === 0) return [];
  return [
    warning(
      'reserved-names',
      `The application has keys that begin with ${OWN_PREFIX}, which is for Ferry's own: they are not migrated.`,
      some(taken.map(({ key }) => keyText(key))),
      'Rename them.',
    ),
  ];
}
