//! What the migrations say about the things they make: the comment before a statement, a column or a
//! constraint, and the one behind a column.
//!
//! **Invariant:** what a later migration says of a thing takes the place of what an earlier one said,
//! unless it says "as before": then it is added.

use std::collections::BTreeMap;
use std::path::Path;

/// Everything said, and what was made in which order.
#[derive(Debug, Default)]
pub(crate) struct Prose {
    /// By kind and name: `table batch`, `column batch.height`, `constraint batch_of_rollup`,
    /// `function batch_guard`, `domain atoms`, `view standing_settlement`, `index …`.
    said: BTreeMap<String, String>,
    /// Tables, in the order in which they were made.
    pub(crate) tables: Vec<String>,
}

impl Prose {
    /// Reads the migrations of a folder, in order.
    pub(crate) fn read(folder: &Path) -> std::io::Result<Self> {
        let mut files: Vec<_> = std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
        files.sort();
        let mut prose = Self::default();
        for file in files {
            prose.read_migration(&std::fs::read_to_string(file)?);
        }
        Ok(prose)
    }

    /// What was said of a thing; nothing if it was made without a word.
    pub(crate) fn of(&self, kind: &str, name: &str) -> &str {
        self.said.get(&format!("{kind} {name}")).map_or("", String::as_str)
    }

    fn read_migration(&mut self, text: &str) {
        let mut before: Vec<&str> = Vec::new();
        let mut table = None;
        let mut in_body = false;
        for line in text.lines() {
            let line = line.trim();
            let is_quoted = in_body;
            if line.matches("$$").count() % 2 == 1 {
                in_body = !in_body;
            }
            if let Some(comment) = line.strip_prefix("--") {
                if !is_quoted {
                    before.push(comment.trim());
                }
                continue;
            }
            let (code, behind) = line.split_once("-- ").unwrap_or((line, ""));
            if let Some((kind, name)) = made_by(code, table.as_deref(), is_quoted) {
                before.push(behind);
                self.say(&kind, &name, &before.join(" "));
                if kind == "table" && !self.tables.contains(&name) {
                    self.tables.push(name.clone());
                }
                before.clear();
            }
            if !is_quoted {
                table = table_of(code).or(table);
                // A comment belongs to what stands right below it.
                if line.is_empty() || code.trim_end().ends_with(';') {
                    before.clear();
                }
            }
        }
    }

    fn say(&mut self, kind: &str, name: &str, words: &str) {
        let words = words.trim();
        if words.is_empty() {
            return;
        }
        let said = self.said.entry(format!("{kind} {name}")).or_default();
        if words.starts_with("As before") && !said.is_empty() {
            said.push(' ');
            said.push_str(words);
        } else {
            words.clone_into(said);
        }
    }
}

/// The table that a line of SQL begins to make or to change.
fn table_of(code: &str) -> Option<String> {
    let rest = code.strip_prefix("create table ").or_else(|| code.strip_prefix("alter table "))?;
    Some(name_in(rest))
}

/// What a line of SQL makes, as kind and name.
fn made_by(code: &str, table: Option<&str>, is_quoted: bool) -> Option<(String, String)> {
    let made = |kind: &str, name: &str| Some((kind.to_owned(), name_in(name)));
    let routine = ["function ", "procedure "].into_iter().find_map(|word| {
        let (before, rest) = code.split_once(word)?;
        (before.ends_with("create ") || before.ends_with("create or replace ")).then_some(rest)
    });
    if let Some(rest) = routine {
        return made("function", rest);
    }
    if is_quoted {
        return None;
    }
    for kind in ["table", "view", "domain", "index"] {
        if let Some(rest) = code.strip_prefix(&format!("create {kind} ")) {
            return made(kind, rest);
        }
    }
    // Also behind `alter table …`, on one line.
    if let Some((_, rest)) = code.split_once("constraint ")
        && !code.contains("drop constraint ")
        && !code.starts_with("create ")
    {
        return made("constraint", rest);
    }
    let column = code.strip_prefix("add column ").unwrap_or(code);
    let name = name_in(column);
    let is_column = column.len() > name.len()
        && !name.is_empty()
        && !["add", "alter", "call", "check", "drop", "end", "grant", "reset", "set", "values"]
            .contains(&name.as_str());
    let table = table.filter(|_| is_column)?;
    Some(("column".to_owned(), format!("{table}.{name}")))
}

fn name_in(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}
