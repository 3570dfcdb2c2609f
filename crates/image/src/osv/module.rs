//! `module.py`: the text that its `default` is, where it is one.
//!
//! Of Python only this is read: assignments at the beginning of a line, of strings (also several in a row, with `+`, and `%` with names of strings), of
//! names of strings, and of `api.run(...)` over them. A name that is bound to anything else has no value. No value grows beyond [`MAX_BYTES`].

use std::collections::HashMap;

/// Longest text that is made, in bytes: more than a boot line takes.
const MAX_BYTES: usize = 64 << 10;
/// Most parentheses within each other.
const MAX_DEPTH: usize = 16;
/// Calls whose first argument is a run line.
const CALLS: [&str; 4] = ["api.run", "api.run_on_init", "run", "run_on_init"];

/// What a module says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Default {
    /// It has no `default`.
    None,
    /// It has one that only running it would give.
    Code,
    /// The run line.
    Line(String),
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Run(String),
}

/// Reads a module.
pub(super) fn default_line(text: &str) -> Default {
    let mut names: HashMap<String, Option<Value>> = HashMap::new();
    let mut rest = text;
    while let Some(start) = statement(&mut rest) {
        let mut reader = Reader(start);
        let Some(name) = reader.name().filter(|name| !name.contains('.')) else {
            continue;
        };
        if reader.take('=') && !reader.0.starts_with('=') {
            let value = reader.value(&names, 0);
            let value = value.filter(|_| reader.take(';') || reader.at_end());
            names.insert(name.to_owned(), value);
        }
    }
    match names.remove("default") {
        None => Default::None,
        Some(Some(Value::Run(line))) => Default::Line(line),
        Some(_) => Default::Code,
    }
}

/// The text from the next line that begins a statement on; `rest` goes on behind that line, so that a statement that is not understood is skipped line by
/// line: what is in it is indented, or in no form that binds a name.
fn statement<'a>(rest: &mut &'a str) -> Option<&'a str> {
    loop {
        let here = *rest;
        if here.is_empty() {
            return None;
        }
        *rest = here.split_once('\n').map_or("", |(_, after)| after);
        if here.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return Some(here);
        }
    }
}

struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// Skips blanks of a line; within parentheses ends of lines and comments too.
    fn skip(&mut self, inside: bool) {
        loop {
            self.0 = self.0.trim_start_matches([' ', '\t', '\r']);
            if let Some(after) = self.0.strip_prefix("\\\n") {
                self.0 = after;
            } else if inside && self.0.starts_with('\n') {
                self.0 = &self.0[1..];
            } else if inside && self.0.starts_with('#') {
                self.0 = self.0.find('\n').map_or("", |end| &self.0[end..]);
            } else {
                return;
            }
        }
    }

    fn take(&mut self, expected: char) -> bool {
        self.skip(false);
        let after = self.0.strip_prefix(expected);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn at_end(&mut self) -> bool {
        self.skip(false);
        self.0.is_empty() || self.0.starts_with(['\n', '#'])
    }

    /// A name, with dots in it.
    fn name(&mut self) -> Option<&'a str> {
        self.skip(false);
        let part_of_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let end = self.0.find(|c| !part_of_one(c)).unwrap_or(self.0.len());
        let (name, after) = self.0.split_at(end);
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        begins.then(|| self.0 = after)?;
        Some(name)
    }

    /// Terms in a row, with `+` or nothing between them; `%` fills the texts so far, as it binds tighter only to the last, which nobody writes.
    fn value(&mut self, names: &HashMap<String, Option<Value>>, depth: usize) -> Option<Value> {
        let inside = depth > 0;
        let mut value = self.term(names, depth)?;
        loop {
            self.skip(inside);
            if self.0.starts_with(['\'', '"']) || self.take('+') {
                self.skip(inside);
                let (Value::Text(text), Value::Text(more)) = (&mut value, self.term(names, depth)?) else {
                    return None;
                };
                text.push_str(&more);
                (text.len() <= MAX_BYTES).then_some(())?;
            } else if self.take('%') {
                let Value::Text(text) = value else { return None };
                value = Value::Text(self.filled(&text, names, depth)?);
            } else {
                return Some(value);
            }
        }
    }

    /// What `%` makes of a text: for each `%s` one of the terms behind it.
    fn filled(&mut self, text: &str, names: &HashMap<String, Option<Value>>, depth: usize) -> Option<String> {
        self.skip(depth > 0);
        let mut terms = Vec::new();
        if self.take('(') {
            while !self.take(')') {
                terms.push(self.value(names, deeper(depth)?)?);
                self.skip(true);
                self.take(',');
                self.skip(true);
            }
        } else {
            terms.push(self.term(names, depth)?);
        }
        let (mut pieces, mut terms) = (text.split("%s"), terms.into_iter());
        let mut filled = pieces.next()?.to_owned();
        for piece in pieces {
            let Value::Text(term) = terms.next()? else {
                return None;
            };
            filled = filled + &term + piece;
            (filled.len() <= MAX_BYTES).then_some(())?;
        }
        (terms.next().is_none() && !filled.contains('%')).then_some(filled)
    }

    fn term(&mut self, names: &HashMap<String, Option<Value>>, depth: usize) -> Option<Value> {
        self.skip(depth > 0);
        if self.0.starts_with(['\'', '"']) {
            return self.text().map(Value::Text);
        }
        if self.take('(') {
            let value = self.value(names, deeper(depth)?)?;
            self.skip(true);
            return self.take(')').then_some(value);
        }
        let name = self.name()?;
        if !self.take('(') {
            return names.get(name).cloned().flatten();
        }
        self.skip(true);
        CALLS.contains(&name).then_some(())?;
        if let Some(after) = self.0.strip_prefix("cmdline") {
            self.0 = after;
            self.skip(true);
            self.take('=').then_some(())?;
        }
        let Value::Text(line) = self.value(names, deeper(depth)?)? else {
            return None;
        };
        self.skip(true);
        self.take(',');
        self.skip(true);
        self.take(')').then_some(Value::Run(line))
    }

    /// A string in quotes of either kind, of one or three.
    fn text(&mut self) -> Option<String> {
        let quote = self.0.get(..3).filter(|quote| matches!(*quote, "\"\"\"" | "'''"));
        let quote = quote.or_else(|| self.0.get(..1))?;
        self.0 = &self.0[quote.len()..];
        let mut text = String::new();
        loop {
            if let Some(after) = self.0.strip_prefix(quote) {
                self.0 = after;
                return Some(text);
            }
            let mut characters = self.0.chars();
            match characters.next()? {
                '\n' if quote.len() == 1 => return None,
                '\\' => match characters.next()? {
                    '\n' => {}
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    same @ ('\\' | '\'' | '"') => text.push(same),
                    other => text.extend(['\\', other]),
                },
                plain => text.push(plain),
            }
            self.0 = characters.as_str();
            (text.len() <= MAX_BYTES).then_some(())?;
        }
    }
}

fn deeper(depth: usize) -> Option<usize> {
    (depth < MAX_DEPTH).then_some(depth + 1)
}
