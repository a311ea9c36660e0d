//! What every store must do, topic by topic. A case names the requirements it holds and the capabilities it needs;
//! where one is absent, the suite checks that the operation is refused rather than half done.

mod batch;
pub mod bench;
mod capabilities;
mod changes;
mod create;
pub mod external;
mod holders;
mod links;
mod lock;
mod query;
mod read;
mod secrets;
mod tenant;
mod unique;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};
use scim_core::store::{Capabilities, IdsFrom, Keeps, Lock, Secrets, Store, Unique, Versions, Writes};
use tokio::runtime::Runtime;

use bench::{Bench, Unheld};

/// What a case needs of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Resources can be made, changed and deleted.
    Writes,
    /// The core gives ids out.
    OwnIds,
    /// An expected version is compared, in the write or shortly before.
    Lock,
    /// It is compared in the write.
    Atomic,
    /// Versions move exactly when something changes.
    Versions,
    /// Unique values are kept unique also among writers at the same time.
    Unique,
    /// Hashes of secrets are kept.
    Secrets,
    /// There is an outbox.
    Log,
    /// Versions and times from elsewhere are kept.
    History,
}

impl Need {
    fn met(self, store: &dyn Store) -> bool {
        let can: &Capabilities = store.capabilities();
        match self {
            Need::Writes => can.writes == Writes::Full,
            Need::OwnIds => can.ids == IdsFrom::Core,
            Need::Lock => can.lock != Lock::None,
            Need::Atomic => can.lock == Lock::CompareAndSet,
            Need::Versions => can.versions == Versions::Exact,
            Need::Unique => can.unique == Unique::Enforced,
            Need::Secrets => can.secrets == Secrets::Hashed,
            Need::Log => store.change_log().is_some(),
            Need::History => can.history == Keeps::Yes,
        }
    }

    /// What must be so where the capability is absent.
    async fn absent(self, bench: &Bench) -> Result<()> {
        match self {
            Need::Writes => bench.refuses_to_write().await,
            Need::Lock => bench.refuses_versions().await,
            Need::Secrets if bench.store.capabilities().secrets == Secrets::Refused => bench.refuses_secrets().await,
            Need::Secrets | Need::Atomic | Need::OwnIds | Need::Versions | Need::Unique | Need::Log | Need::History => {
                Ok(())
            }
        }
    }
}

type Run = fn(Bench) -> BoxFuture<'static, Result<()>>;

/// One thing a store must do.
pub struct Case {
    /// What it does, as a sentence.
    pub name: &'static str,
    /// The ids of the requirements that hold when it does, divided by blanks.
    pub covers: &'static str,
    needs: &'static [Need],
    run: Run,
}

/// A case for stores that can write.
pub(crate) const fn case(name: &'static str, covers: &'static str, run: Run) -> Case {
    Case { name, covers, needs: &[Need::Writes], run }
}

impl Case {
    /// For stores that can do all of this.
    pub(crate) const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    async fn check(&self, bench: Bench) -> Result<()> {
        for need in self.needs {
            if !need.met(&*bench.store) {
                return need.absent(&bench).await.with_context(|| format!("the store lacks {need:?}"));
            }
        }
        match (self.run)(bench).await {
            Err(error) if error.is::<Unheld>() => Ok(()),
            answer => answer,
        }
    }
}

/// All cases, by topic.
pub fn topics() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("capabilities", capabilities::cases()),
        ("create", create::cases()),
        ("read", read::cases()),
        ("query", query::cases()),
        ("links", links::cases()),
        ("holders", holders::cases()),
        ("lock", lock::cases()),
        ("batch", batch::cases()),
        ("tenant", tenant::cases()),
        ("unique", unique::cases()),
        ("changes", changes::cases()),
        ("secrets", secrets::cases()),
        ("faults", crate::faults::cases()),
        ("model", crate::model::cases()),
    ]
}

/// Runs the contract against the stores that `make` gives, a fresh and empty one for each case, as the command line says
/// (filters, `--list`, `--test-threads`). The whole of a backend's `tests/contract.rs`, with `harness = false`:
///
/// ```no_run
/// use scim_core::store::memory::MemoryStore;
///
/// fn main() -> std::process::ExitCode {
///     conformance_tests::store_contract(|| async { MemoryStore::new() })
/// }
/// ```
pub fn store_contract<S, F>(make: impl Fn() -> F + Send + Sync + 'static) -> ExitCode
where
    S: Store,
    F: Future<Output = S>,
{
    libtest_mimic::run(&Arguments::from_args(), trials(make)).exit_code()
}

/// The same for stores that stand on something that must outlast them and then go, such as a database of a server: it
/// is dropped after its case.
pub fn store_contract_on<S, G, F>(make: impl Fn() -> F + Send + Sync + 'static) -> ExitCode
where
    S: Store,
    F: Future<Output = (S, G)>,
{
    libtest_mimic::run(&Arguments::from_args(), trials_on(make, &[], |_| false)).exit_code()
}

/// The same for stores on a server of others that is known to hang now and then. Where a case fails that began at a time, `hung` says
/// whether the server has hung since then and another has taken its place: the case is run once more, on that one.
pub fn store_contract_on_frail<S, G, F>(
    make: impl Fn() -> F + Send + Sync + 'static,
    hung: impl Fn(Instant) -> bool + Send + Sync + 'static,
) -> ExitCode
where
    S: Store,
    F: Future<Output = (S, G)>,
{
    libtest_mimic::run(&Arguments::from_args(), trials_on(make, &[], hung)).exit_code()
}

/// The same for stores that cannot pass some cases: each with the reason. One that is listed and passes is a failure, like
/// one that is not listed and fails.
pub fn store_contract_but<S, G, F>(
    cannot: &'static [(&'static str, &'static str)],
    make: impl Fn() -> F + Send + Sync + 'static,
) -> ExitCode
where
    S: Store,
    F: Future<Output = (S, G)>,
{
    let mut trials = trials_on(make, cannot, |_| false);
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.push(Trial::test("every listed case is there", move || {
        let gone: Vec<_> = cannot.iter().filter(|(case, _)| !names.iter().any(|name| name == case)).collect();
        if gone.is_empty() { Ok(()) } else { Err(Failed::from(format!("{gone:?}"))) }
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// The contract as trials, to be run together with others.
pub fn trials<S, F>(make: impl Fn() -> F + Send + Sync + 'static) -> Vec<Trial>
where
    S: Store,
    F: Future<Output = S>,
{
    let make = Arc::new(make);
    let make = move || {
        let make = make.clone();
        async move { (make().await, ()) }
    };
    trials_on(make, &[], |_| false)
}

fn trials_on<S, G, F>(
    make: impl Fn() -> F + Send + Sync + 'static,
    cannot: &'static [(&'static str, &'static str)],
    hung: impl Fn(Instant) -> bool + Send + Sync + 'static,
) -> Vec<Trial>
where
    S: Store,
    F: Future<Output = (S, G)>,
{
    let runtime = Arc::new(Runtime::new());
    let (make, hung) = (Arc::new(make), Arc::new(hung));
    let mut trials = Vec::new();
    for (topic, cases) in topics() {
        for case in cases {
            let (runtime, make, hung) = (runtime.clone(), make.clone(), hung.clone());
            let name = format!("{topic}::{}", case.name);
            let why = cannot.iter().find(|(listed, _)| *listed == name).map(|(_, why)| *why);
            let run = move || {
                let runtime = runtime.as_ref().as_ref().map_err(|error| Failed::from(error.to_string()))?;
                let check = || {
                    runtime.block_on(async {
                        let (store, _ground) = make().await;
                        let bench = Bench::new(Arc::new(store)).await?;
                        case.check(bench).await
                    })
                };
                match (again_where_hung(check, &*hung), why) {
                    (Err(error), None) => Err(Failed::from(format!("{error:#}"))),
                    (Ok(()), Some(why)) => {
                        Err(Failed::from(format!("listed as one that cannot pass ({why}), and it does: unlist it")))
                    }
                    (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
                }
            };
            trials.push(Trial::test(name, run));
        }
    }
    trials
}

/// What a check says; where it fails and `hung` says that its server did, what it says the second time.
fn again_where_hung(check: impl Fn() -> Result<()>, hung: impl Fn(Instant) -> bool) -> Result<()> {
    let begun = Instant::now();
    match catch_unwind(AssertUnwindSafe(&check)) {
        Ok(Ok(())) => Ok(()),
        _failed if hung(begun) => check(),
        Ok(Err(error)) => Err(error),
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_check_is_made_again_where_its_server_hung_and_nowhere_else() {
        let times = Cell::new(0);
        let fails_once = || {
            times.set(times.get() + 1);
            anyhow::ensure!(times.get() > 1, "on purpose");
            Ok(())
        };
        assert!(again_where_hung(fails_once, |_| false).is_err());
        times.set(0);
        assert!(again_where_hung(fails_once, |_| true).is_ok());
        assert!(again_where_hung(|| anyhow::bail!("each time"), |_| true).is_err());
        let panics_once =
            || if times.replace(2) == 0 { std::panic::resume_unwind(Box::new("on purpose")) } else { Ok(()) };
        times.set(0);
        assert!(again_where_hung(panics_once, |_| true).is_ok());
    }
}
