use super::*;

fn id(worker: &str) -> WorkerId {
    worker.into()
}

fn presence(worker: &str, life: u64, state: WorkerState) -> Presence {
    Presence { life, state, prefetch: 2, every_s: 1.0, ..Presence::new(worker, vec!["m".into()], "cpu") }
}

fn held(chunk: u64) -> HeldChunk {
    HeldChunk { track: TrackId::from_random(1), chunk: chunk.into(), attempt: 1 }
}

fn route() -> Route {
    Route::new("m", "cpu")
}

/// Lets everything be so much longer ago.
fn age(registry: &mut WorkerRegistry, by: Duration) {
    registry.began -= by;
}

#[test]
fn a_worker_joins_works_falls_silent_and_comes_back() {
    let mut r = WorkerRegistry::default();
    assert_eq!(r.record_presence(presence("a", 1, WorkerState::Idle)), AnnouncementEffect::Joined);
    assert_eq!(r.record_presence(presence("a", 1, WorkerState::Idle)), AnnouncementEffect::Renewed);
    assert_eq!(
        (r.capacities().get(&route()), r.has_others(&route(), &id("a")), r.has_others(&route(), &id("b"))),
        (Some(&3), false, true)
    );
    age(&mut r, Duration::from_secs(4));
    assert_eq!(r.check_silence(), [(id("a"), Health::Suspect)]);
    assert_eq!((r.check_silence(), r.capacities().len(), r.idle(&route())), (vec![], 0, 0));
    age(&mut r, Duration::from_secs(7));
    assert_eq!(r.check_silence(), [(id("a"), Health::Gone)]);
    assert_eq!(
        r.record_presence(presence("a", 1, WorkerState::Idle)),
        AnnouncementEffect::Joined,
        "it was only cut off"
    );
    age(&mut r, Duration::from_secs(700));
    r.check_silence();
    age(&mut r, Duration::from_secs(700));
    r.check_silence();
    assert!(r.views().is_empty(), "long gone is forgotten");
}

#[test]
fn idle_is_who_has_waited_for_a_moment() {
    let mut r = WorkerRegistry::default();
    r.record_presence(presence("a", 1, WorkerState::Idle));
    assert_eq!(r.idle(&route()), 0);
    age(&mut r, Duration::from_millis(400));
    assert_eq!((r.idle(&route()), r.idle(&Route::new("other", "cpu"))), (1, 0));
    r.record_presence(presence("a", 1, WorkerState::Idle));
    assert_eq!(r.idle(&route()), 1, "saying it again does not begin it again");
    r.busy(&id("a"), held(1));
    age(&mut r, Duration::from_secs(1));
    assert_eq!((r.idle(&route()), r.held_chunk_of(&id("a"))), (0, Some(held(1))));
    r.busy(&id("a"), held(2));
    r.free(&id("a"), (&held(1).track, 1.into()), true);
    assert_eq!(r.held_chunk_of(&id("a")), Some(held(2)), "it has the next one already");
    r.free(&id("a"), (&held(2).track, 2.into()), true);
    assert_eq!((r.held_chunk_of(&id("a")), r.views()[0].served), (None, 2));
}

#[test]
fn a_death_that_is_told_late_does_not_kill_the_next_life() {
    let r = WorkerRegistry::default();
    r.record_presence(presence("a", 1, WorkerState::Working));
    assert_eq!(r.record_presence(presence("a", 2, WorkerState::Idle)), AnnouncementEffect::Joined);
    assert_eq!(r.record_presence(presence("a", 1, WorkerState::Crashed)), AnnouncementEffect::Outdated);
    assert_eq!(r.health(&id("a")), Some(Health::Alive));
    assert_eq!(r.record_presence(presence("a", 2, WorkerState::Crashed)), AnnouncementEffect::Crashed);
    assert_eq!(r.health(&id("a")), Some(Health::Crashed));
    r.busy(&id("a"), held(1));
    assert_eq!(r.health(&id("a")), Some(Health::Crashed), "a word from before it died");
    assert_eq!(r.record_presence(presence("a", 2, WorkerState::Left)), AnnouncementEffect::Left);
}

#[test]
fn a_provider_is_gone_when_none_of_its_workers_was_heard_for_long() {
    let mut r = WorkerRegistry::default();
    let cuda = |worker: &str, state| Presence { provider: "cuda".into(), ..presence(worker, 1, state) };
    let gone = |r: &WorkerRegistry| r.is_gone(&Route::new("m", "cuda"));
    age(&mut r, Duration::from_secs(60));
    assert!(!gone(&r), "nobody was heard at all");
    r.record_presence(presence("other", 1, WorkerState::Idle));
    assert!(gone(&r), "others were, for a minute");
    r.record_presence(cuda("a", WorkerState::Idle));
    r.record_presence(cuda("b", WorkerState::Idle));
    assert!(!gone(&r));
    // One dies and one leaves: the provider is there for a while yet.
    let unknown = Presence { models: vec![], provider: String::new(), ..cuda("a", WorkerState::Crashed) };
    assert_eq!(r.record_presence(unknown), AnnouncementEffect::Crashed);
    assert_eq!(r.views()[0].provider, "cuda", "what it was is remembered");
    r.record_presence(cuda("b", WorkerState::Left));
    age(&mut r, Duration::from_secs(9));
    assert!(!gone(&r), "a moment is a blip");
    r.reset_silence();
    age(&mut r, Duration::from_secs(9));
    assert!(!gone(&r), "nobody could be heard before");
    age(&mut r, Duration::from_secs(2));
    assert!(gone(&r) && !r.is_gone(&Route::new("m", "cpu")));
    r.record_presence(cuda("c", WorkerState::Idle));
    assert!(!gone(&r));
}

#[test]
fn a_provider_without_a_proper_name_serves_nothing() {
    let r = WorkerRegistry::default();
    r.record_presence(Presence { provider: "../cpu".into(), ..presence("a", 1, WorkerState::Idle) });
    assert!(r.capacities().is_empty());
}
