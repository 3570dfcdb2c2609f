//! Who the program runs as: `USER[:GROUP]`, by the image's `passwd(5)` and `group(5)`, with the rules that container engines have.

use uigniter_abi::boot_args::User;

/// Largest number of a user or group that may be given: above are numbers with a meaning of their own.
const MOST_ID: u32 = i32::MAX as u32;

/// Why nobody is meant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// No such user.
    #[error("no user '{0}' is in the image's /etc/passwd; give a number, as in 1000 or 1000:1000")]
    NoUser(String),
    /// No such group.
    #[error("no group '{0}' is in the image's /etc/group; give a number, as in 1000:1000")]
    NoGroup(String),
}

/// A user, and where they are at home.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: User,
    pub(super) home: Option<String>,
}

/// Whether all of a specification is numbers, so that it says everything and no file need be read.
pub(super) fn is_numeric(specification: &str) -> bool {
    specification
        .split_once(':')
        .is_some_and(|(user, group)| number(user).is_some() && number(group).is_some())
}

/// Looks a user up. Without a group, the user is in those of the two files: the primary one (0 for a number that is not in the
/// file) and the supplementary ones.
pub(super) fn look_up(specification: &str, passwd: &str, group: &str) -> Result<Account, Error> {
    let (user, wanted) = match specification.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (specification, None),
    };
    let row = fields(passwd, 6)
        .find(|row| row[0] == user || number(user).is_some_and(|id| number(row[2]) == Some(id)));
    let row_ids = row
        .as_ref()
        .and_then(|row| Some((number(row[2])?, number(row[3])?)));
    let (uid, primary) = row_ids
        .or_else(|| number(user).map(|uid| (uid, 0)))
        .ok_or_else(|| Error::NoUser(user.to_owned()))?;
    let name = row.as_ref().map(|row| row[0]);
    let (gid, groups) = match wanted {
        Some(wanted) => (group_of(wanted, group)?, Vec::new()),
        None => (primary, memberships(name, group)),
    };
    let home = row.map(|row| row[5].to_owned());
    Ok(Account {
        user: User { uid, gid, groups },
        home: home.filter(|home| home.starts_with('/')),
    })
}

fn group_of(wanted: &str, group: &str) -> Result<u32, Error> {
    let row = fields(group, 3).find(|row| row[0] == wanted);
    row.and_then(|row| number(row[2]))
        .or_else(|| number(wanted))
        .ok_or_else(|| Error::NoGroup(wanted.to_owned()))
}

fn memberships(name: Option<&str>, group: &str) -> Vec<u32> {
    let Some(name) = name else { return Vec::new() };
    fields(group, 4)
        .filter(|row| row[3].split(',').any(|member| member == name))
        .filter_map(|row| number(row[2]))
        .collect()
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id <= MOST_ID)
}

/// Lines with at least so many fields.
fn fields(text: &str, least: usize) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .map(|line| line.trim().split(':').collect::<Vec<_>>())
        .filter(move |row| row.len() >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nnode:x:1000:100:Node:/home/node:/bin/sh\n7:x:8:9::relative:\n";
    const GROUP: &str = "root:x:0:\nusers:x:100:\naudio:x:29:pulse,node\nvideo:x:44:node\nodd:x:y:node\n";

    fn ids(specification: &str) -> Result<(u32, u32, Vec<u32>, Option<String>), Error> {
        let account = look_up(specification, PASSWD, GROUP)?;
        let User { uid, gid, groups } = account.user;
        Ok((uid, gid, groups, account.home))
    }

    #[test]
    fn names_and_numbers_are_looked_up() {
        let home = || Some("/home/node".to_owned());
        for (specification, expected) in [
            ("node", (1000, 100, vec![29, 44], home())),
            ("1000", (1000, 100, vec![29, 44], home())),
            ("node:", (1000, 100, vec![29, 44], home())),
            ("node:video", (1000, 44, vec![], home())),
            ("node:7", (1000, 7, vec![], home())),
            ("1234", (1234, 0, vec![], None)),
            ("1234:users", (1234, 100, vec![], None)),
            ("7", (8, 9, vec![], None)),
        ] {
            assert_eq!(ids(specification), Ok(expected), "{specification}");
        }
    }

    #[test]
    fn nobody_is_said() {
        for who in ["nobody", "", "-1", "+5", "2147483648", ":users"] {
            assert!(matches!(ids(who), Err(Error::NoUser(_))), "{who}");
        }
        assert_eq!(ids("node:nogroup"), Err(Error::NoGroup("nogroup".into())));
        assert!(is_numeric("1:2") && !is_numeric("1") && !is_numeric("node:2"));
    }
}
