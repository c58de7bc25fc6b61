//! One resource is attached to a workspace once: who may attach it, and what the others are told.
//!
//! Must not disturb whoever holds the resource: attaching it a second time silently breaks the first attachment. Must not
//! name an object of another namespace.
//!
//! The claim on the object is the lock. It is written before the first PUT, and after it all objects are read anew from
//! the API server: of two that claimed at once, each that would PUT sees the other's claim, and only the elder goes on,
//! once the other has given its claim up. Nothing of it is remembered, so a restart changes nothing. Of two claims on one
//! compute that exists, `ownership` knows which one counts.

use crate::action::{Action, Because, Plan};
use crate::case::Case;
use crate::inputs::Seen;
use crate::kind::{Kind, azure_name, has_finalizer, uid};
use crate::ownership::{Adopted, claimed, rests_on_claims};
use api::annotations::FINALIZER;
use api::{ConditionType, ManagementPolicy};
use arm::{ComputeId, WorkspaceId, same_id, same_resource};
use jiff::{SignedDuration, Timestamp};

/// What else stands for the object's resource in its workspace.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Other objects that want the same resource, or the same compute.
    pub rivals: Vec<Rival>,
    /// Names of other computes in Azure that were attached from the same resource.
    pub attached: Vec<String>,
    /// Whether both were asked for in this very pass. Whoever attaches demands it.
    pub fresh: bool,
}

impl Around {
    /// Whether others have to be looked for at all.
    pub fn concerns<K: Kind>(object: &K) -> bool {
        rests_on_claims(object) || !object.marks().is_empty()
    }

    /// Whether a look at Azure that saw this has to ask for the others as well.
    pub fn belongs_to_look<K: Kind>(&self, object: &K, seen: &Seen) -> bool {
        match seen {
            Seen::Unknown => false,
            Seen::Absent => !object.marks().is_empty(),
            Seen::Present(_) => rests_on_claims(object) && self.rivals.iter().any(|rival| rival.same_compute),
        }
    }
}

/// Whether nothing that is known comes from a cache only: Azure was asked in this pass, and so were the others, where they
/// matter. Without it nothing is changed in Azure.
pub(crate) fn is_certain<K: Kind>(case: &Case<'_, K>) -> bool {
    let (observation, around) = (case.observation, &case.refs.around);
    observation.is_fresh() && (around.fresh || !around.belongs_to_look(case.object, &observation.seen))
}

/// Another object that wants the same resource, or the same compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its compute's name in Azure.
    pub compute: String,
    /// When it was made; whole seconds.
    pub created: Timestamp,
    /// Whether it has hold of its compute: finalizer and claim are on it.
    pub claimed: bool,
    /// What its claim took over, if it did not make the compute itself.
    pub adopted: Option<Adopted>,
    /// Whether its compute is ours.
    pub same_compute: bool,
    /// Whether it never attaches: it only observes, or is going without ever having claimed.
    pub idle: bool,
}

impl Rival {
    /// What `other` is to `object`; `None` if the two have nothing in common. `workspace` is the object's, `theirs` the
    /// other's where it is known; a claim tells it as well.
    pub fn of<K: Kind>(object: &K, workspace: &WorkspaceId, other: &K, theirs: Option<&WorkspaceId>) -> Option<Self> {
        if uid(object) == uid(other) {
            return None;
        }
        let own = workspace.compute(azure_name(object)).ok()?.to_string();
        let meant = theirs.and_then(|theirs| theirs.compute(azure_name(other)).ok()).map(|id| id.to_string());
        let claim = claimed(other).filter(|_| has_finalizer(other, FINALIZER));
        let (claimed, adopted) = (claim.is_some(), claim.as_ref().and_then(|(_, adopted)| adopted.clone()));
        let compute = claim.map(|(id, _)| id.to_owned()).or(meant)?;
        let within = format!("{workspace}/computes/");
        let here = compute.get(..within.len()).is_some_and(|start| start.eq_ignore_ascii_case(&within));
        let same_compute = same_id(&compute, &own);
        if !here || !(same_compute || same_resource(&object.marks(), &other.marks())) {
            return None;
        }
        let meta = other.meta();
        let idle =
            !claimed && (other.head().management == ManagementPolicy::Observe || meta.deletion_timestamp.is_some());
        Some(Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: uid(other).to_owned(),
            compute: compute[within.len()..].to_owned(),
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0),
            claimed,
            adopted,
            same_compute,
            idle,
        })
    }

    /// Whether it is older than the object. Times are whole seconds; within one the UID decides, which is as good as any
    /// order and the same for everybody.
    pub(crate) fn is_elder<K: Kind>(&self, object: &K) -> bool {
        let created = object.meta().creation_timestamp.as_ref().map_or(Timestamp::MAX, |time| time.0);
        (self.created, self.uid.as_str()) < (created, uid(object))
    }
}

/// How long an object waits for others of its second. Creation times are whole seconds, and the API server may take a
/// moment to store what it has stamped.
const SAME_SECOND: SignedDuration = SignedDuration::from_secs(2);

/// How many times the grace for late answers a claim is kept before it is given up to an elder: nothing that was sent
/// before can still take effect.
const CLAIM_GRACE: i32 = 2;

/// What keeps the object from attaching its resource, if anything does. Its compute is absent.
pub(crate) fn hindrance<K: Kind>(case: &Case<'_, K>, id: &ComputeId) -> Option<Plan> {
    if case.object.marks().is_empty() {
        return None;
    }
    let (around, claimed) = (&case.refs.around, case.is_claimed(id));
    let blocks = |rival: &&Rival| !rival.idle && (rival.claimed || (!claimed && rival.is_elder(case.object)));
    let rivals: Vec<&Rival> = around.rivals.iter().filter(blocks).collect();
    let holder = around.attached.first();
    let rival = match holder {
        Some(holder) => around.rivals.iter().find(|rival| rival.compute.eq_ignore_ascii_case(holder)),
        None => rivals.iter().copied().min_by_key(|rival| (!rival.claimed, rival.created, rival.uid.as_str())),
    };
    let Some(compute) = holder.map(String::as_str).or(rival.map(|rival| rival.compute.as_str())) else {
        return (!claimed).then(|| settle(case)).flatten();
    };
    let yields = claimed && (holder.is_some() || rivals.iter().any(|rival| rival.is_elder(case.object)));
    if yields && may_yield(case) {
        let message = "another attachment of the resource goes first";
        return Some(case.act(Action::Unclaim, DUPLICATE, message));
    }
    let because = duplicate(case, rival, compute);
    // Nobody tells when the other one is gone; looking at what is known costs nothing.
    Some(Plan { next: case.settings.transition, ..case.stalled(because) })
}

const DUPLICATE: &str = "DuplicateAttachment";

/// Waits for objects of the same second, so that the elder goes first whatever order they are looked at in.
fn settle<K: Kind>(case: &Case<'_, K>) -> Option<Plan> {
    let created = case.object.meta().creation_timestamp.as_ref()?.0;
    let age = case.now.duration_since(created);
    // Clocks that differ by more would make it wait for ever, or for nothing.
    if age.abs() >= SAME_SECOND {
        return None;
    }
    let message = "objects of the same second are waited for, because a resource is attached once";
    Some(Plan { next: SAME_SECOND - age, ..case.working("LookingAround", message) })
}

/// Whether nothing that was sent for the object can still take effect: it has been told for long enough that another
/// goes first, and Azure has no compute of it.
fn may_yield<K: Kind>(case: &Case<'_, K>) -> bool {
    let since = case.was(ConditionType::Stalled).filter(|stalled| stalled.reason == DUPLICATE);
    let waited = since.is_some_and(|stalled| {
        case.now.duration_since(stalled.last_transition_time.0) >= case.settings.consistency_grace * CLAIM_GRACE
    });
    waited && case.observation.is_fresh() && !case.create_may_show()
}

/// Says who has the resource. An object is named only within the same namespace.
fn duplicate<K: Kind>(case: &Case<'_, K>, rival: Option<&Rival>, compute: &str) -> Because {
    let namespace = case.object.meta().namespace.as_deref().unwrap_or_default();
    let sibling = rival.filter(|rival| rival.namespace == namespace);
    let who = sibling.map_or(format!("compute {compute} of this workspace"), |rival| {
        format!("object {} of this namespace (compute {compute})", rival.name)
    });
    let what = match rival {
        Some(rival) if rival.same_compute => "means the same compute",
        Some(_) | None => "attaches the same resource",
    };
    let message = format!(
        "{who} {what}; a second attachment would silently break the first, so this one waits until that one is gone"
    );
    Because::new(DUPLICATE, message)
}
