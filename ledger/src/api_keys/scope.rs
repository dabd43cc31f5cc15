//! What a key may be used for.

use std::fmt;
use std::str::FromStr;

use domain::RollupId;

/// One thing that a key may be used for. None includes another: a key is given each that it needs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// To read.
    Read,
    /// To post batches of one rollup, which that rollup has signed.
    Submit(RollupId),
    /// To run the cluster: to have epochs sealed, and to read what operators did.
    Operate,
    /// To prove. Nothing asks for it so far.
    Prove,
}

/// Text that is no scope.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a scope is read, submit:ROLLUP (as in submit:1), operate or prove")]
pub struct ScopeError;

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Submit(rollup) => write!(f, "submit:{}", rollup.number()),
            Self::Operate => f.write_str("operate"),
            Self::Prove => f.write_str("prove"),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "operate" => Ok(Self::Operate),
            "prove" => Ok(Self::Prove),
            _ => {
                let rollup = text.strip_prefix("submit:").ok_or(ScopeError)?;
                let rollup: u16 = rollup.parse().map_err(|_| ScopeError)?;
                let scope = Self::Submit(RollupId::new(rollup));
                // In its one form alone, and of a rollup: L1 posts no batches.
                if rollup > 0 && scope.to_string() == text { Ok(scope) } else { Err(ScopeError) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scope reads as it is written, and in no other form.
    #[test]
    fn scopes_have_one_form() {
        for text in ["read", "submit:1", "submit:65535", "operate", "prove"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Read",
            "read ",
            "submit",
            "submit:",
            "submit:0",
            "submit:01",
            "submit:+1",
            "admin",
        ] {
            assert_eq!(text.parse::<Scope>(), Err(ScopeError), "{text}");
        }
    }
}
