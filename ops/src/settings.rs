//! The configuration file, and where each option's value comes from.
//!
//! **Invariant**: a flag goes before the environment, that before the file, that before the default: a value of
//! the file *becomes* the option's default, so that there is no second place where options are read, and
//! every option can stand in the file under its own name. A name that is no option's is refused.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

/// A command whose options have the file's values as defaults.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    /// The command.
    pub(crate) command: Command,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The options that the file gives a value, each with the commands that lead to it.
    given: BTreeSet<(Vec<String>, String)>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// The command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File,
    /// The program.
    Default,
    /// Nowhere: the option has no value.
    Unset,
}

/// An option's value.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Its name, without dashes.
    pub(crate) name: String,
    /// Its values as text; `None` for a secret that there is.
    pub(crate) value: Option<String>,
    /// Where they come from.
    pub(crate) origin: Origin,
    /// The environment variable that it can be given by.
    pub(crate) variable: Option<String>,
}

impl Configured {
    /// The command with the file that the arguments or the environment name.
    ///
    /// # Errors
    /// When the file cannot be read, or names what is no option.
    pub(crate) fn new(command: Command, arguments: &[OsString]) -> anyhow::Result<Self> {
        let named = named(arguments).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
        let Some(file) = named.filter(|file| !file.as_os_str().is_empty()) else {
            return Ok(Self { command, file: None, given: BTreeSet::new() });
        };
        let shown = file.display();
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("could not read the configuration file {shown}"))?;
        let table: Table = text
            .parse()
            .map_err(|error| no_toml(&text, &error))
            .with_context(|| format!("the configuration file {shown} is no TOML"))?;
        let mut given = BTreeSet::new();
        let command = apply(command, &table, &Table::new(), &mut Vec::new(), &mut given)
            .with_context(|| format!("the configuration file {shown}"))?;
        Ok(Self { command, file: Some(file), given })
    }

    /// The options of one command as parsed, in the order of their names.
    pub(crate) fn settings(&self, matches: &ArgMatches) -> Vec<Setting> {
        let mut settings = Vec::new();
        let mut path = Vec::new();
        let (mut command, mut matches) = (&self.command, matches);
        loop {
            for arg in options(command) {
                settings.push(self.setting(arg, matches, &path));
            }
            let Some((name, below)) = matches.subcommand() else { break };
            let Some(next) = command.find_subcommand(name) else { break };
            path.push(name.to_owned());
            (command, matches) = (next, below);
        }
        settings.sort_by(|one, other| one.name.cmp(&other.name));
        settings
    }

    /// Finds that no value of the file stands against what the command line or the environment says. (The program
    /// compares the values that it was given itself, not its defaults, which those of the file are.)
    ///
    /// # Errors
    /// Names the first two options of which one excludes the other.
    pub(crate) fn check(&self, matches: &ArgMatches) -> anyhow::Result<()> {
        let (mut command, mut matches, mut path) = (&self.command, matches, Vec::new());
        loop {
            let excludes = |one: &Arg, other: &Arg| {
                command.get_arg_conflicts_with(one).iter().any(|arg| arg.get_id() == other.get_id())
            };
            for given in options(command).filter(|arg| is_given(arg, matches)) {
                let against = options(command).find(|arg| {
                    let id = arg.get_id().as_str();
                    let is_off =
                        matches.get_raw(id).is_none_or(|mut raw| raw.all(|one| one == "false"));
                    self.gives(&path, arg)
                        && !is_given(arg, matches)
                        && !is_off
                        && (excludes(given, arg) || excludes(arg, given))
                });
                if let (Some(against), Some(given)) =
                    (against.and_then(Arg::get_long), given.get_long())
                {
                    bail!("--{given} excludes {against}, which the configuration file has");
                }
            }
            let Some((name, below)) = matches.subcommand() else { return Ok(()) };
            let Some(next) = command.find_subcommand(name) else { return Ok(()) };
            path.push(name.to_owned());
            (command, matches) = (next, below);
        }
    }

    /// What the environment and the file give to any command.
    pub(crate) fn shared(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        self.collect(&self.command, &mut Vec::new(), &mut settings);
        settings.sort_by(|one: &Setting, other| one.name.cmp(&other.name));
        settings.dedup_by(|one, other| (&one.name, &one.value) == (&other.name, &other.value));
        settings
    }

    fn collect(&self, command: &Command, path: &mut Vec<String>, settings: &mut Vec<Setting>) {
        for arg in options(command) {
            let from_file = self.gives(path, arg);
            let variable = arg.get_env();
            if variable.is_none() && !from_file {
                continue;
            }
            let given = variable.and_then(std::env::var_os);
            let defaults = || arg.get_default_values().iter().map(|value| value.clone().into());
            let (values, origin): (Vec<OsString>, _) = match given {
                Some(value) => (vec![value], Origin::Environment),
                None if from_file => (defaults().collect(), Origin::File),
                None => (defaults().collect(), Origin::Default),
            };
            settings.push(setting(arg, &values, origin));
        }
        for below in command.get_subcommands() {
            path.push(below.get_name().to_owned());
            self.collect(below, path, settings);
            path.pop();
        }
    }

    fn setting(&self, arg: &Arg, matches: &ArgMatches, path: &[String]) -> Setting {
        let id = arg.get_id().as_str();
        let origin = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Origin::Flag,
            Some(ValueSource::EnvVariable) => Origin::Environment,
            Some(_) if self.gives(path, arg) => Origin::File,
            Some(_) => Origin::Default,
            None => Origin::Unset,
        };
        let values = matches.get_raw(id).into_iter().flatten().map(ToOwned::to_owned);
        setting(arg, &values.collect::<Vec<_>>(), origin)
    }

    fn gives(&self, path: &[String], arg: &Arg) -> bool {
        arg.get_long().is_some_and(|long| self.given.contains(&(path.to_vec(), long.to_owned())))
    }
}

/// Whether the command line or the environment gives a value.
fn is_given(arg: &Arg, matches: &ArgMatches) -> bool {
    let source = matches.value_source(arg.get_id().as_str());
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn setting(arg: &Arg, values: &[OsString], origin: Origin) -> Setting {
    let secret = arg.is_hide_env_values_set();
    let text = values.iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(",");
    let origin = if values.is_empty() { Origin::Unset } else { origin };
    Setting {
        name: arg.get_long().unwrap_or_default().to_owned(),
        value: (!secret || values.is_empty()).then_some(text),
        origin,
        variable: arg.get_env().map(|name| name.to_string_lossy().into_owned()),
    }
}

/// What can stand in a file: every option but those that end the program or name the file.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let ends = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        !ends && arg.get_long().is_some_and(|long| long != OPTION)
    })
}

/// What is wrong and where, without the line itself: a secret may stand there.
fn no_toml(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.get(..start).unwrap_or_default().lines().count().max(1);
    anyhow::anyhow!("line {line}: {}", error.message())
}

/// The file that the command line names; what follows `--` is another command's.
fn named(arguments: &[OsString]) -> Option<PathBuf> {
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        if word == format!("--{OPTION}") {
            return words.next().map(PathBuf::from);
        }
        if let Some(file) = word.strip_prefix(&format!("--{OPTION}=")) {
            return Some(PathBuf::from(file));
        }
    }
    None
}

/// Gives a command and those below it the values of a table; a nearer table goes before one around it.
fn apply(
    command: Command,
    table: &Table,
    around: &Table,
    path: &mut Vec<String>,
    given: &mut BTreeSet<(Vec<String>, String)>,
) -> anyhow::Result<Command> {
    let mut values = around.clone();
    for (key, value) in table {
        if let Value::Table(_) = value {
            if command.find_subcommand(key).is_none() {
                bail!("there is no command {}", dotted(path, key));
            }
            continue;
        }
        if !takes(&command, key) {
            bail!("there is no option {}", dotted(path, key));
        }
        values.insert(key.clone(), value.clone());
    }
    let mut command = command;
    for (key, value) in &values {
        let Some(arg) = options(&command).find(|arg| arg.get_long() == Some(key)) else { continue };
        let id = arg.get_id().clone();
        let texts = texts(arg, value).with_context(|| dotted(path, key))?;
        command = command.mut_arg(id, |arg| {
            // A secret of the file is no default that --help may print.
            let secret = arg.is_hide_env_values_set();
            arg.required(false).default_values(texts).hide_default_value(secret)
        });
        given.insert((path.clone(), key.clone()));
    }
    let below = command.get_subcommands().map(|below| below.get_name().to_owned());
    for name in below.collect::<Vec<_>>() {
        let own = table.get(&name).and_then(Value::as_table).cloned().unwrap_or_default();
        path.push(name.clone());
        let mut refused = None;
        command = command.mut_subcommand(&name, |below| {
            apply(below.clone(), &own, &values, path, given).unwrap_or_else(|error| {
                refused = Some(error);
                below
            })
        });
        path.pop();
        if let Some(error) = refused {
            return Err(error);
        }
    }
    Ok(command)
}

/// Whether a command or one below it has the option.
fn takes(command: &Command, long: &str) -> bool {
    options(command).any(|arg| arg.get_long() == Some(long))
        || command.get_subcommands().any(|below| takes(below, long))
}

/// A value as the words that would stand on the command line. They live as long as the program.
fn texts(arg: &Arg, value: &Value) -> anyhow::Result<Vec<&'static str>> {
    let flag = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse);
    let text = |value: &Value| match value {
        Value::Boolean(value) if flag => Ok(value.to_string()),
        _ if flag => bail!("it is true or false"),
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        _ => bail!("it is a text or a whole number"),
    };
    let many = matches!(arg.get_action(), ArgAction::Append)
        || arg.get_num_args().is_some_and(|range| range.max_values() > 1);
    let texts = match value {
        Value::Array(items) if many => {
            items.iter().map(text).collect::<anyhow::Result<Vec<_>>>()?
        }
        _ => vec![text(value)?],
    };
    Ok(texts.into_iter().map(|text| &*text.leak()).collect())
}

fn dotted(path: &[String], key: &str) -> String {
    path.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".")
}

/// The option that names the file, and its variable.
const OPTION: &str = "config";
const VARIABLE: &str = "NETFOLD_CONFIG";

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
