//! The schema as a page to read: what the catalogue of a migrated database says, with the words of the
//! migrations.
//!
//! **Invariant:** the same on every server: nothing in it depends on the version, the locale, or the
//! order in which the catalogue answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sqlx::{PgConnection, Row};

use crate::prose::Prose;

/// The whole page, of the database that `connection` leads to.
pub(crate) async fn document(
    connection: &mut PgConnection,
    prose: &Prose,
) -> Result<String, sqlx::Error> {
    sqlx::query("set search_path = public").execute(&mut *connection).await?;
    let refusals = refusals(connection).await?;
    let mut page = String::from(HEAD);
    let catalogue = Catalogue {
        kinds: grouped(connection, TABLES).await?,
        columns: grouped(connection, COLUMNS).await?,
        constraints: grouped(connection, CONSTRAINTS).await?,
        indexes: grouped(connection, INDEXES).await?,
        triggers: grouped(connection, TRIGGERS).await?,
        privileges: grouped(connection, PRIVILEGES).await?,
    };
    page.push_str("\n## Tables\n\n");
    let tables = prose.tables.iter().filter(|table| catalogue.kinds.contains_key(*table));
    let tables: Vec<&String> = tables.collect();
    let links = tables.iter().map(|table| format!("[`{table}`](#{table})"));
    page.push_str(&links.collect::<Vec<_>>().join(" · "));
    page.push('\n');
    for table in tables {
        page.push_str(&catalogue.table(table, prose, &refusals));
    }
    page.push_str("\n## Views\n");
    for row in sqlx::query(VIEWS).fetch_all(&mut *connection).await? {
        let (view, columns, sources): (String, String, String) =
            (row.get(0), row.get(1), row.get(2));
        let said = prose.of("view", &view);
        let _ = write!(page, "\n### {view}\n\n{said}\n\nOf {sources}: {columns}.\n");
        page.push_str(&catalogue.privileges_of(&view));
    }
    page.push_str("\n## Types of amounts and hashes\n\n| type | is | rule | why |\n| --- | --- | --- | --- |\n");
    for row in sqlx::query(DOMAINS).fetch_all(&mut *connection).await? {
        let (name, base, rule): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let said = cell(prose.of("domain", &name));
        let _ = writeln!(page, "| `{name}` | {base} | {} | {said} |", code(&rule));
    }
    page.push_str(&functions(connection, prose, &refusals).await?);
    Ok(page)
}

/// Rows of the catalogue, by the table that they are of.
struct Catalogue {
    kinds: Grouped,
    columns: Grouped,
    constraints: Grouped,
    indexes: Grouped,
    triggers: Grouped,
    privileges: Grouped,
}

/// Texts of rows by the first one.
type Grouped = BTreeMap<String, Vec<Vec<String>>>;

impl Catalogue {
    fn table(&self, table: &str, prose: &Prose, refusals: &Grouped) -> String {
        let mut page = format!("\n### {table}\n\n");
        let mut say = |paragraph: &str| {
            if !paragraph.is_empty() {
                page.push_str(paragraph);
                page.push_str("\n\n");
            }
        };
        for row in of(&self.kinds, table) {
            let [key, comment] = texts(row);
            say(if comment.is_empty() { prose.of("table", table) } else { comment });
            if !key.is_empty() {
                say(&format!("Partitioned by {}.", key.to_lowercase()));
            }
        }
        page.push_str("| column | type | | what it is |\n| --- | --- | --- | --- |\n");
        for row in of(&self.columns, table) {
            let [name, kind, rule, comment] = texts(row);
            let said = if comment.is_empty() {
                prose.of("column", &format!("{table}.{name}"))
            } else {
                comment
            };
            let _ = writeln!(page, "| `{name}` | {kind} | {} | {} |", cell(rule), cell(said));
        }
        page.push_str("\n| constraint | rule | why |\n| --- | --- | --- |\n");
        for row in of(&self.constraints, table) {
            let [name, rule] = texts(row);
            let said = cell(prose.of("constraint", name));
            let _ = writeln!(page, "| `{name}` | {} | {said} |", code(rule));
        }
        page.push_str(&self.triggers_of(table, prose, refusals));
        let mut indexes = of(&self.indexes, table).peekable();
        if indexes.peek().is_some() {
            page.push_str("\nIndexes that are no keys: ");
            let named = indexes.map(|row| {
                let [name, columns] = texts(row);
                format!("`{name}` {columns}")
            });
            page.push_str(&named.collect::<Vec<_>>().join(", "));
            page.push_str(".\n");
        }
        page.push_str(&self.privileges_of(table));
        page
    }

    /// Those that every table has in a sentence, the others with what they hold.
    fn triggers_of(&self, table: &str, prose: &Prose, refusals: &Grouped) -> String {
        let mut sentences = String::new();
        let mut guards = String::new();
        for row in of(&self.triggers, table) {
            let [name, when, function] = texts(row);
            match function {
                "append_only" => {
                    let _ = write!(sentences, "Refused {when}: `append_only`. ");
                }
                "append_event" => sentences.push_str("Each new row is an event. "),
                _ => {
                    let names: Vec<_> =
                        of(refusals, function).flatten().map(|name| format!("`{name}`")).collect();
                    let names = names.join(", ");
                    let said = cell(prose.of("function", function));
                    let _ = writeln!(guards, "| `{name}` | {when} | {names} | {said} |");
                }
            }
        }
        if !guards.is_empty() {
            guards.insert_str(
                0,
                "\n| trigger | when | refuses by | what it holds |\n| --- | --- | --- | --- |\n",
            );
        }
        if !sentences.is_empty() {
            let _ = write!(guards, "\n{}\n", sentences.trim_end());
        }
        guards
    }

    fn privileges_of(&self, relation: &str) -> String {
        let mut line = String::from("\n");
        for row in of(&self.privileges, relation) {
            let [role, privileges] = texts(row);
            let _ = write!(line, "`{role}`: {privileges}. ");
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    }
}

/// What roles may call, and what triggers do; those of one name and one audience in one row.
async fn functions(
    connection: &mut PgConnection,
    prose: &Prose,
    refusals: &Grouped,
) -> Result<String, sqlx::Error> {
    let mut page = String::from(FUNCTIONS_HEAD);
    let mut rows: Vec<(String, String, Vec<String>)> = Vec::new();
    for row in sqlx::query(FUNCTIONS).fetch_all(connection).await? {
        let (name, call): (String, String) = (row.get(0), row.get(1));
        let (settings, executes): (String, String) = (row.get(2), row.get(3));
        let mut said = prose.of("function", &name).to_owned();
        let names: Vec<_> = of(refusals, &name).flatten().map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            let _ = write!(said, " Refuses by {}.", names.join(", "));
        }
        if !settings.is_empty() {
            let _ = write!(said, " Runs {settings}.");
        }
        let said = cell(said.trim());
        match rows.last_mut() {
            Some((last, who, calls)) if (&*last, &*who) == (&said, &executes) => calls.push(call),
            _ => rows.push((said, executes, vec![call])),
        }
    }
    for (said, executes, calls) in rows {
        let calls: Vec<_> = calls.iter().map(|call| format!("`{call}`")).collect();
        let _ = writeln!(page, "| {} | {executes} | {said} |", calls.join(", "));
    }
    Ok(page)
}

/// Names that functions refuse by.
async fn refusals(connection: &mut PgConnection) -> Result<Grouped, sqlx::Error> {
    grouped(connection, REFUSALS).await
}

async fn grouped(
    connection: &mut PgConnection,
    query: &'static str,
) -> Result<Grouped, sqlx::Error> {
    let mut found = Grouped::new();
    for row in sqlx::query(query).fetch_all(connection).await? {
        let texts = (1..row.len()).map(|column| row.get::<Option<String>, _>(column));
        let texts = texts.map(Option::unwrap_or_default).collect();
        found.entry(row.get(0)).or_default().push(texts);
    }
    Ok(found)
}

fn of<'a>(found: &'a Grouped, name: &str) -> impl Iterator<Item = &'a Vec<String>> {
    found.get(name).into_iter().flatten()
}

fn texts<const N: usize>(row: &[String]) -> [&str; N] {
    std::array::from_fn(|column| row.get(column).map_or("", String::as_str))
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}

const HEAD: &str = "\
# The schema, as it is in the database

Made from a migrated database and from what the migrations say, by
`netfold postgres --state FOLDER -- cargo run --release -p ledger --example schema`; do not edit it. A
test compares it with a fresh database. How the schema is thought, and how it is changed, stands in
[migrations/README.md](../migrations/README.md).

Every name under \"constraint\" and \"refuses by\" is what a refusal comes with, and an attack in the
ledger's tests is refused by it. Columns may be null only where that is said. What no role is granted, only
`netfold_owner` may, who owns everything and cannot log in. `append_only` stops it as well, and even a
superuser who does not switch it off.
";

const FUNCTIONS_HEAD: &str = "
## Functions

| function | may be called by | what it does |
| --- | --- | --- |
";

const TABLES: &str = "
    select relname::text, pg_get_partkeydef(oid), obj_description(oid, 'pg_class') from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
        and relname <> '_sqlx_migrations'";

const COLUMNS: &str = "
    select c.relname::text, a.attname::text,
        case t.typtype when 'd' then format('`%s`', t.typname)
            else format_type(a.atttypid, a.atttypmod) end,
        concat_ws(', ',
            case when not a.attnotnull and a.attgenerated = '' then 'may be null' end,
            case when a.attgenerated <> '' then 'always ' || pg_get_expr(d.adbin, d.adrelid)
                else 'default ' || pg_get_expr(d.adbin, d.adrelid) end),
        col_description(c.oid, a.attnum)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    order by c.relname, a.attnum";

const CONSTRAINTS: &str = "
    select c.relname::text, n.conname::text, pg_get_constraintdef(n.oid)
    from pg_constraint n join pg_class c on c.oid = n.conrelid
    where n.connamespace = 'public'::regnamespace and n.contype in ('p', 'u', 'f', 'c', 'x')
    order by c.relname, array_position('{p,u,x,f,c}', n.contype::text), n.conname collate \"C\"";

const INDEXES: &str = "
    select c.relname::text, i.relname::text,
        regexp_replace(pg_get_indexdef(x.indexrelid), '^.* USING \\w+ ', '')
    from pg_index x
    join pg_class c on c.oid = x.indrelid
    join pg_class i on i.oid = x.indexrelid
    where c.relnamespace = 'public'::regnamespace
        and not exists (select from pg_constraint where conindid = x.indexrelid)
    order by c.relname, i.relname collate \"C\"";

const TRIGGERS: &str = "
    select c.relname::text, t.tgname::text,
        lower(substring(pg_get_triggerdef(t.oid) from '(BEFORE .*|AFTER .*|INSTEAD .*) ON '))
            || case when t.tgtype & 1 = 1 then ', each row' else ', each statement' end
            || case when t.tginitdeferred then ', at the commit' else '' end,
        p.proname::text
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_proc p on p.oid = t.tgfoid
    where c.relnamespace = 'public'::regnamespace and not t.tgisinternal
    order by c.relname, t.tgname collate \"C\"";

const PRIVILEGES: &str = "
    with granted as (
        select c.relname::text as relation, g.grantee, lower(g.privilege_type) as privilege,
            null as attribute
        from pg_class c, aclexplode(c.relacl) g
        where c.relnamespace = 'public'::regnamespace and g.grantee <> c.relowner
        union all
        select c.relname::text, g.grantee, lower(g.privilege_type), a.attname::text
        from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) g
        where c.relnamespace = 'public'::regnamespace and g.grantee <> c.relowner
    ), by_privilege as (
        select relation, case grantee when 0 then 'public' else grantee::regrole::text end as role,
            privilege || coalesce(' (' || string_agg(attribute, ', ' order by attribute collate \"C\") || ')', '')
                as privilege
        from granted group by relation, grantee, privilege
    )
    select relation, role, string_agg(privilege, ', ' order by privilege collate \"C\")
    from by_privilege group by relation, role order by relation, role collate \"C\"";

const VIEWS: &str = "
    select c.relname::text,
        (select string_agg(format('`%s`', attname), ', ' order by attnum) from pg_attribute
            where attrelid = c.oid and attnum > 0),
        (select string_agg(distinct format('[`%s`](#%s)', s.relname, s.relname), ', ')
            from pg_rewrite r
            join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                and d.refclassid = 'pg_class'::regclass and d.refobjid <> c.oid
            join pg_class s on s.oid = d.refobjid
            where r.ev_class = c.oid)
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm')
    order by c.relname collate \"C\"";

const DOMAINS: &str = "
    select t.typname::text, format_type(t.typbasetype, t.typtypmod),
        (select string_agg(n.conname || ' ' || pg_get_constraintdef(n.oid), '; '
            order by n.conname) from pg_constraint n where n.contypid = t.oid and n.contype = 'c')
    from pg_type t
    where t.typnamespace = 'public'::regnamespace and t.typtype = 'd'
    order by t.typname collate \"C\"";

const REFUSALS: &str = "
    select distinct proname::text, found[1] from (
        select proname, regexp_matches(prosrc, 'refuse\\(\\s*''(\\w+)''', 'g') as found from pg_proc
        where pronamespace = 'public'::regnamespace
        union all
        select proname, regexp_matches(prosrc, 'constraint = ''(\\w+)''', 'g') from pg_proc
        where pronamespace = 'public'::regnamespace
    ) one order by 1, 2";

const FUNCTIONS: &str = "
    select p.proname::text,
        format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) || case
            when p.prokind = 'p' or p.prorettype = 'trigger'::regtype then ''
            else ' → ' || pg_get_function_result(p.oid) end,
        concat_ws(', ',
            case when p.prosecdef then 'as its owner' end,
            (select 'with ' || string_agg(setting, ', ' order by setting collate \"C\")
                from unnest(p.proconfig) setting)),
        coalesce((
            select string_agg(case g.grantee when 0 then 'everybody'
                    else format('`%s`', g.grantee::regrole) end, ', '
                order by g.grantee::regrole::text collate \"C\")
            from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
            where g.grantee <> p.proowner), 'triggers and the owner')
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
    order by p.proname collate \"C\", pg_get_function_identity_arguments(p.oid) collate \"C\"";
