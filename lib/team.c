/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP */
#include "team.h"

#include "lock.h"
#include "park.h"
#include "process.h"
#include "thread.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stddef.h>
#include <taskgroup/version.h>

/* A thread with nothing to serve. On its own stack; in the team's list until it is called, and then among those that
   are on their way until it has the lock. */
struct idler {
    const struct tg__source *scope; /* it serves this and what is below; NULL: all of the team */
    const struct tg__source *owns;  /* it waits for the end of this; NULL: of none */
    struct tg__source
        *invited; /* for which it was called: it serves this first; NULL: ended since, or none */
    struct idler *next;
    struct tg__parker *parker;
    bool called;
};

struct tg__team {
    pthread_mutex_t lock; /* guards what follows, and leaving; never held while user code runs */
    struct tg__source
        *live;          /* the sources that run, the youngest first: each before those below it */
    atomic_int sources; /* how many */
    int awaited;        /* of them: in whose `awaited` is something */
    struct idler *idlers, *called;
    atomic_int idle; /* idlers: so that a server sees at a glance that nobody waits */
    bool closing;
    bool ours;      /* the region was opened by us */
    int size;       /* threads asked for, or there: never fewer than there are */
    atomic_int got; /* threads there are */
    bool
        cancellation; /* OpenMP's own is on, and the region ours: a user's tasks are never dropped */
    int spins;        /* before an idler goes to sleep */
};

/* About 20 µs: as long as a sleep and a wake-up take. */
enum { SPINS = 400 };

/* The lock is held for a few instructions: who spins for it shortly need not be woken. */
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#define LOCK_INITIALIZER PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#else
#define LOCK_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#endif

/* initial-exec: one load instead of a call, also in a shared library. It is one pointer. */
static _Thread_local struct tg__seat *seated __attribute__((tls_model("initial-exec")));

static void sit(struct tg__seat *seat)
{
    const struct tg__team *team = seat->team;
    seat->idle = &team->idle;
    seat->sources = &team->sources;
    seat->tickets = !team->ours && team->size > 1;
    seat->cancellation = team->cancellation;
    seat->under = seated;
    seated = seat;
}

static void rise(struct tg__seat *seat)
{
    seated = seat->under;
}

/* The seat from which a run joins its team; a task's own parallel region is a team of its own. */
struct tg__seat *tg__team_seat(void)
{
    return seated != NULL && seated->level == omp_get_level() ? seated : NULL;
}

/* ---- at a fork ---- */

/* Of the parent's team only this thread is there: what the child runs now runs beside it. */
static void leave_team(void)
{
    seated = NULL;
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, leave_team); /* without memory so early nothing works */
}

/* libgomp would wait for the threads of the team that it knows of, in a region of two threads or more; in one of one
   thread, or outside of its regions, it needs none. (libomp begins anew in a child.) */
static bool is_alone(void)
{
    return tg__process_lost_team() && !tg__libomp_serves();
}

/* ---- the tree of sources ---- */

/*
 * Each source knows the one below, and one further below, so that the ancestor at some depth is found in O(log depth)
 * steps and a new source in one (E. W. Myers, "An applicative random-access stack", 1983).
 */
static void plant(struct tg__source *source, struct tg__source *below)
{
    source->below = below;
    source->root = below != NULL ? below->root : source;
    source->depth = below != NULL ? below->depth + 1 : 0;
    const struct tg__source *jump = below != NULL ? below->jump : NULL;
    if (below == NULL)
        source->jump = source;
    else if (below->depth - jump->depth == jump->depth - jump->jump->depth)
        source->jump = jump->jump;
    else
        source->jump = below;
    atomic_store(&source->awaited, NULL);
}

static const struct tg__source *ancestor_at(const struct tg__source *source, size_t depth)
{
    while (source->depth > depth)
        source = source->jump->depth >= depth ? source->jump : source->below;
    return source;
}

/* Is `source` the scope, or below it? A tree may hang on another team's, while a worker there waits for it. */
static bool covers(const struct tg__source *scope, const struct tg__source *source)
{
    if (scope == NULL || source == scope)
        return true;
    for (; source != NULL; source = atomic_load(&source->root->awaited))
        if (source->root == scope->root)
            return source->depth >= scope->depth && ancestor_at(source, scope->depth) == scope;
    return false;
}

/* ---- under the team's lock ---- */

static void enlist(struct tg__team *team, struct tg__source *source)
{
    source->previous = NULL;
    source->next = team->live;
    if (team->live != NULL)
        team->live->previous = source;
    team->live = source;
    source->live = true;
    atomic_fetch_add_explicit(&team->sources, 1, memory_order_relaxed); /* for tg__team_turn() */
    source->begin(source, team);
}

static void delist(struct tg__team *team, struct tg__source *source)
{
    if (source->previous != NULL)
        source->previous->next = source->next;
    else
        team->live = source->next;
    if (source->next != NULL)
        source->next->previous = source->previous;
    source->live = false;
    atomic_fetch_sub_explicit(&team->sources, 1, memory_order_relaxed);
    if (atomic_load(&source->awaited) != NULL) {
        team->awaited--;
        atomic_store(&source->awaited, NULL);
    }
    for (struct idler *idler = team->called; idler != NULL; idler = idler->next)
        if (idler->invited == source)
            idler->invited = NULL;
}

int tg__team_serving(struct tg__source *source)
{
    return atomic_load(&source->visitors) - atomic_load(&source->pins);
}

static bool may_visit(struct tg__source *source)
{
    return tg__team_serving(source) < atomic_load(&source->most) && source->claimable(source);
}

/* In this part of the list. What is below a source is younger, and so comes before it: nothing of the scope's comes
   after the scope, unless it was lent to us. */
static struct tg__source *find_between(const struct tg__team *team, const struct tg__source *scope,
    struct tg__source *from, const struct tg__source *to)
{
    for (struct tg__source *source = from; source != to; source = source->next) {
        if (covers(scope, source) && may_visit(source))
            return source;
        if (source == scope && team->awaited == 0)
            return NULL;
    }
    return NULL;
}

/* A source in scope that has something to do: the youngest, as others wait for it; or where `after` has had its turn
   the next one in a circle, so that each comes to its own. */
static struct tg__source *find_work(
    const struct tg__team *team, const struct tg__source *scope, struct tg__source *after)
{
    struct tg__source *source = after != NULL ? find_between(team, scope, after->next, NULL) : NULL;
    return source != NULL ? source : find_between(team, scope, team->live, NULL);
}

/* It goes as soon as it gets the lock; until then its stack stays as it is. */
static void wake(struct tg__team *team, struct idler **at, struct tg__source *invited)
{
    struct idler *idler = *at;
    *at = idler->next;
    idler->invited = invited;
    idler->called = true;
    idler->next = team->called;
    team->called = idler;
    atomic_fetch_sub(&team->idle, 1);
    tg__park_notify(idler->parker);
}

static void leave_list(struct idler **at, const struct idler *idler)
{
    while (*at != idler)
        at = &(*at)->next;
    *at = idler->next;
}

/* Calls one idler that may serve `source`, if there is one. */
static bool call_one(struct tg__team *team, struct tg__source *source)
{
    for (struct idler **at = &team->idlers; *at != NULL; at = &(*at)->next)
        if (covers((*at)->scope, source)) {
            wake(team, at, source);
            return true;
        }
    return false;
}

/* As many as may serve it. */
static void call_many(struct tg__team *team, struct tg__source *source)
{
    for (int i = atomic_load(&source->most); i > 0 && call_one(team, source); i--)
        ;
}

/* Calls the thread that waits for the end of `source`, if it does. */
static void call_owner(struct tg__team *team, struct tg__source *source)
{
    if (source->quiet != NULL)
        source->quiet(source);
    for (struct idler **at = &team->idlers; *at != NULL; at = &(*at)->next)
        if ((*at)->owns == source) {
            wake(team, at, NULL);
            return;
        }
}

/* A visitor goes. What it could not claim may be claimable now (it gave a slot back). */
static void depart(struct tg__team *team, struct tg__source *source)
{
    bool last = atomic_fetch_sub(&source->visitors, 1) == 1;
    if (team->idlers == NULL && source->quiet == NULL)
        return;
    if (last)
        call_owner(team, source);
    if (may_visit(source))
        call_one(team, source);
}

/*
 * Waits until it is called, notified, or until that time; answers for what it was called, or NULL. The lock is free
 * meanwhile. `me` has scope and owns, and a parker if others than the team notify it.
 */
static struct tg__source *wait_for_call(struct tg__team *team, struct idler *me, double until)
{
    struct tg__parker parker;
    bool own = me->parker == NULL;
    if (own) {
        tg__park_init(&parker);
        // cppcheck-suppress autoVariables ; it is taken out before this returns
        me->parker = &parker;
    }
    me->invited = NULL;
    me->called = false;
    me->next = team->idlers;
    team->idlers = me;
    atomic_fetch_add(&team->idle, 1);
    /* Who publishes work looks at `idle` next: so look for work once more, now that we are in it. Both are sequentially
       consistent, so one of the two sees the other. */
    if (find_work(team, me->scope, NULL) == NULL) {
        pthread_mutex_unlock(&team->lock);
        tg__park(me->parker, team->spins, until);
        pthread_mutex_lock(&team->lock);
    }
    leave_list(me->called ? &team->called : &team->idlers, me);
    if (!me->called)
        atomic_fetch_sub(&team->idle, 1);
    if (own) {
        me->parker = NULL;
        tg__park_fini(&parker);
    }
    return me->invited;
}

/* ---- serving ---- */

/* A server stands in a taskgroup of ours, for the cancel: its home's, or one around this visit. */
static void visit(struct tg__seat *seat, struct tg__source *source)
{
    tg__rounding rounding = tg__rounding_get();
    tg__rounding_set(source->rounding);
    struct tg__source *served = seat->serving; /* in the body of a scope: that */
    seat->serving = source;
    if (seat->home == source && (!source->lends || seat->tickets)) {
        source->serve(source, seat);
    } else { /* a pool's region stays open: what its tasks have left behind ends with the visit. (Not where tickets are
                spawned: the visit would wait for them, and other threads are there for what is left.) */
#pragma omp taskgroup
        source->serve(source, seat);
    }
    seat->serving = served; /* it may end now, and we may still run tasks of the user's own */
    tg__rounding_set(rounding);
}

/* Under the team's lock, which is given back during the visit. Where help comes by tickets, only a
   server of a source sends its next ticket. So a thread that can send tickets for one source (its
   home), and visits another one while the home has something to claim, sends a ticket first. */
static void go_and_visit(struct tg__seat *seat, struct tg__source *source)
{
    struct tg__team *team = seat->team;
    struct tg__source *home = seat->tickets && seat->home != source ? seat->home : NULL;
    bool leaves = home != NULL && home->live && may_visit(home);
    atomic_fetch_add(&source->visitors, 1);
    pthread_mutex_unlock(&team->lock);
    if (leaves)
        tg__team_ask(seat, home);
    visit(seat, source);
    pthread_mutex_lock(&team->lock);
    depart(team, source);
}

/* Serves what is in scope as long as there is something to do now, what it was called for first.
   Under the lock. */
static void serve_all(
    struct tg__seat *seat, const struct tg__source *scope, struct tg__source *invited)
{
    struct tg__team *team = seat->team;
    struct tg__source *source =
        invited != NULL && may_visit(invited) ? invited : find_work(team, scope, NULL);
    while (source != NULL) {
        seat->turned = false;
        go_and_visit(seat, source);
        source = find_work(team, scope, seat->turned ? source : NULL);
    }
}

/* A helper in a region of ours: serves everything until the region closes. */
static void attend(struct tg__seat *seat)
{
    struct tg__team *team = seat->team;
    struct idler me = {0};
    struct tg__source *invited = NULL;
    pthread_mutex_lock(&team->lock);
    for (;;) {
        serve_all(seat, NULL, invited);
        if (team->closing)
            break;
        invited = wait_for_call(team, &me, (double)INFINITY);
    }
    pthread_mutex_unlock(&team->lock);
}

/* Those that watch over a source at the runtime's barrier may go. */
static void dismiss_watchers(struct tg__team *team, const struct tg__source *source)
{
    for (struct idler **at = &team->idlers; source->watchers > 0 && *at != NULL;)
        if ((*at)->scope == source && (*at)->owns == NULL)
            wake(team, at, NULL);
        else
            at = &(*at)->next;
}

/* The thread that runs `source`: serves it and what is below (and what is lent) until it has ended. */
static void run_to_end(struct tg__seat *seat, struct tg__source *source)
{
    struct tg__team *team = seat->team;
    struct idler me = {.scope = source->lends ? NULL : source, .owns = source};
    struct tg__source *invited = NULL;
    pthread_mutex_lock(&team->lock);
    for (;;) {
        serve_all(seat, me.scope, invited);
        if (source->end(source))
            break;
        invited = wait_for_call(team, &me, (double)INFINITY);
    }
    delist(team, source);
    dismiss_watchers(team, source);
    pthread_mutex_unlock(&team->lock);
}

/* The body's own raw tasks must not be dropped by a cancel of the taskgroup that we stand in. */
static void run_body(struct tg__seat *seat, struct tg__source *source)
{
    seat->serving = source;
    if (source->claimable(source)) /* added before */
        tg__team_share(seat, source);
    else
        tg__team_watch(seat, source);
    if (seat->cancellation) {
        seat->home = NULL;
#pragma omp taskgroup
        source->body(source);
        seat->home = source;
    } else {
        source->body(source);
    }
    seat->serving = NULL;
}

/* Only the join is left to the runtime, and only after the source has ended: what is still in the
   taskgroup then is tickets, and tasks of the user's own that his functions left behind. */
static void own(struct tg__seat *seat, struct tg__source *source)
{
    sit(seat);
#pragma omp taskgroup
    {
        if (source->body != NULL)
            run_body(seat, source);
        run_to_end(seat, source);
    }
    rise(seat);
}

static void send_ticket(struct tg__seat *seat, struct tg__source *source);

/* For so long a watcher keeps its thread from other tasks that the user's region may have for it. */
static const double watch_time = 10e-3;

/* Under the lock: sleeps, at the runtime's barrier, for what may come from elsewhere: nobody there could be woken
   otherwise, since a ticket can only be spawned by the thread that runs the source, or by another ticket. False: it is
   time to give the thread back to the runtime, for a moment. */
static bool watch(struct tg__team *team, struct tg__source *source)
{
    struct idler me = {.scope = source};
    source->watchers++;
    double until = tg_time_now() + watch_time;
    wait_for_call(team, &me, until);
    source->watchers--;
    return me.called || tg_time_now() < until;
}

/* The body of a ticket. Only touches the source if it may still be there: a ticket is spawned
   inside its source's taskgroup, which ends after it. */
static void help(struct tg__team *team, struct tg__source *source)
{
    atomic_store(&source->ticket_out, false);
    /* On the stack of a server: run inside spawn_ticket(), or where a task of the region waits. No
       task of ours starts there. */
    if (tg__team_seat() != NULL)
        return;
    struct tg__seat seat = {
        .team = team, .home = source, .place = omp_get_thread_num(), .level = omp_get_level()};
    bool stays = true;
    sit(&seat);
    pthread_mutex_lock(&team->lock);
    while (source->live && stays) { /* what comes after its end is for its next run */
        struct tg__source *next = find_work(team, source, NULL);
        if (next != NULL)
            go_and_visit(&seat, next);
        else if (source->expects != NULL && source->watchers == 0 && source->expects(source))
            stays = watch(team, source);
        else {
            atomic_store(&source->wanted, 1);
            break;
        }
    }
    pthread_mutex_unlock(&team->lock);
    rise(&seat);
    if (!stays) /* the next one watches on */
        send_ticket(&seat, source);
}

/* From inside the source's home taskgroup; one at a time, each calls the next. */
static void send_ticket(struct tg__seat *seat, struct tg__source *source)
{
    if (!seat->tickets || seat->home != source ||
        tg__team_serving(source) >= atomic_load(&source->most) ||
        atomic_exchange(&source->ticket_out, true))
        return;
    atomic_store(&source->wanted, 0);
    struct tg__team *team = seat->team;
#pragma omp task default(none) firstprivate(team, source)
    help(team, source);
}

void tg__team_post_watch(struct tg__seat *seat, struct tg__source *source)
{
    pthread_mutex_lock(&seat->team->lock);
    bool watched = source->watchers > 0;
    pthread_mutex_unlock(&seat->team->lock);
    if (!watched)
        send_ticket(seat, source);
}

/* Has somebody been called? Who keeps the source from being visited looks again when he leaves. */
static bool call(struct tg__team *team, struct tg__source *source)
{
    if (atomic_load(&team->idle) == 0 || !may_visit(source))
        return false;
    pthread_mutex_lock(&team->lock);
    bool called = may_visit(source) && call_one(team, source);
    pthread_mutex_unlock(&team->lock);
    return called;
}

void tg__team_unpin(struct tg__team *team, struct tg__source *source)
{
    pthread_mutex_lock(&team->lock);
    atomic_fetch_sub(&source->pins, 1);
    depart(team, source);
    pthread_mutex_unlock(&team->lock);
}

void tg__team_ask(struct tg__seat *seat, struct tg__source *source)
{
    if (!call(seat->team, source))
        send_ticket(seat, source);
}

bool tg__team_call(struct tg__team *team, struct tg__source *source)
{
    if (call(team, source))
        return true;
    struct tg__seat *seat = tg__team_seat();
    if (seat != NULL && seat->serving == source) /* in a task of this very source, or its body */
        send_ticket(seat, source);
    return false;
}

void tg__team_call_owner(struct tg__team *team, struct tg__source *source)
{
    pthread_mutex_lock(&team->lock);
    call_owner(team, source);
    pthread_mutex_unlock(&team->lock);
}

void tg__team_wait(struct tg__source *source, bool (*enough)(struct tg__source *source))
{
    struct tg__seat *seat = tg__team_seat();
    struct tg__team *team = seat->team;
    struct idler me = {.scope = source, .owns = source};
    struct tg__source *invited = NULL;
    pthread_mutex_lock(&team->lock);
    while (!enough(source)) {
        struct tg__source *next =
            invited != NULL && may_visit(invited) ? invited : find_work(team, source, NULL);
        invited = NULL;
        if (next != NULL) {
            seat->helps = true;
            go_and_visit(seat, next);
            seat->helps = false;
        } else {
            invited = wait_for_call(team, &me, (double)INFINITY);
        }
    }
    pthread_mutex_unlock(&team->lock);
}

bool tg__team_await(struct tg__team *team, struct tg__source *source)
{
    struct tg__source *around = tg__team_seat()->serving;
    bool itself = false;
    pthread_mutex_lock(&team->lock);
    if (source->live && around != NULL) {
        itself = covers(source, around);
        if (!itself && atomic_load(&source->awaited) == NULL) {
            atomic_store(&source->awaited, around);
            team->awaited++;
            call_many(team, source);
        }
    }
    pthread_mutex_unlock(&team->lock);
    return !itself;
}

void tg__team_help(const struct tg__source *source, struct tg__parker *parker, double until)
{
    struct tg__seat *seat = tg__team_seat();
    struct tg__team *team = seat->team;
    struct idler me = {.scope = source, .parker = parker};
    pthread_mutex_lock(&team->lock);
    serve_all(seat, source, NULL);
    struct tg__source *invited = wait_for_call(team, &me, until);
    serve_all(seat, source, invited);
    pthread_mutex_unlock(&team->lock);
}

void tg__team_join(void)
{
#pragma omp taskwait
}

void tg__team_task(const struct tg__seat *seat, bool (*body)(void *), void *frame)
{
    bool cancellation = seat != NULL && seat->cancellation;
    bool ran = false;
#pragma omp task if (0) default(none) shared(ran) firstprivate(body, frame, cancellation)
    {
        bool cancel = false;
        ran = true;
        if (cancellation) {
            /* What the body spawns on its own must not be dropped with our tickets. */
#pragma omp taskgroup
            cancel = body(frame);
        } else {
            body(frame);
        }
        if (cancel) {
#pragma omp cancel taskgroup
        }
    }
    /* libgomp drops even an undeferred task if the user has cancelled something around us. */
    if (!ran)
        body(frame);
}

/* ---- running ---- */

/* A system call on libgomp: asked once. Relaxed: it publishes nothing but itself. */
static int processors(void)
{
    static atomic_int known;
    int count = atomic_load_explicit(&known, memory_order_relaxed);
    if (count == 0) {
        count = omp_get_num_procs();
        atomic_store_explicit(&known, count, memory_order_relaxed);
    }
    return count;
}

static void open_team(struct tg__team *team, bool ours, int size)
{
    *team = (struct tg__team){
        .lock = LOCK_INITIALIZER,
        .ours = ours,
        .size = size,
        .got = size,
        .cancellation = ours && omp_get_cancellation() != 0,
        .spins = size <= processors() ? SPINS : 0,
    };
}

static void close_team(struct tg__team *team)
{
    pthread_mutex_lock(&team->lock);
    team->closing = true;
    while (team->idlers != NULL)
        wake(team, &team->idlers, NULL);
    pthread_mutex_unlock(&team->lock);
}

/* In the region of ours, on each of its threads. The first is the one that opened it. */
static void take_part(struct tg__team *team, struct tg__source *source)
{
    struct tg__seat seat = {.team = team, .place = omp_get_thread_num(), .level = omp_get_level()};
    atomic_store(&team->got, omp_get_num_threads()); /* each the same: tasks may start at once */
    if (seat.place == 0) {
        seat.home = source;
        own(&seat, source);
        close_team(team);
        return;
    }
    if (source->raw) /* to the barrier at the region's end, where tickets, and raw tasks, find it */
        return;
    sit(&seat);
    attend(&seat);
    rise(&seat);
}

/* The runtime may give the thread to another region next: it goes back to where it was. */
static void take_part_there(struct tg__team *team, struct tg__source *source)
{
    struct tg__processors before = tg__processors_move(source->processors);
    take_part(team, source);
    tg__processors_move(&before);
}

static int run_in_our_region(struct tg__source *source, int threads)
{
    struct tg__team team;
    open_team(&team, !source->raw, is_alone() ? 1 : threads);
    enlist(&team, source);
#pragma omp parallel num_threads(team.size) default(none) shared(team, source)
    take_part_there(&team, source);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

static int run_in_users_region(struct tg__source *source)
{
    struct tg__team team;
    bool alone = is_alone();
    open_team(&team, false, alone ? 1 : omp_get_num_threads());
    enlist(&team, source);
    struct tg__seat seat = {.team = &team,
        .home = source,
        .place = alone ? 0 : omp_get_thread_num(),
        .level = omp_get_level()};
    own(&seat, source);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

/* In a task of the team: its other threads serve this source too. */
static int run_below(struct tg__seat *under, struct tg__source *source)
{
    struct tg__team *team = under->team;
    struct tg__seat seat = {
        .team = team, .home = source, .place = under->place, .level = under->level};
    pthread_mutex_lock(&team->lock);
    enlist(team, source);
    pthread_mutex_unlock(&team->lock);
    own(&seat, source);
    return team->got;
}

static void prepare(struct tg__source *source, struct tg__source *below)
{
    /* Published with the team. */
    atomic_store_explicit(&source->visitors, 0, memory_order_relaxed);
    atomic_store_explicit(&source->pins, 0, memory_order_relaxed);
    atomic_store_explicit(&source->ticket_out, false, memory_order_relaxed);
    atomic_store_explicit(&source->wanted, 0, memory_order_relaxed);
    source->watchers = 0;
    source->rounding = tg__rounding_get();
    plant(source, below);
}

void tg__team_lend(struct tg__team *team, struct tg__source *source)
{
    prepare(source, NULL);
    pthread_mutex_lock(&team->lock);
    enlist(team, source);
    call_many(team, source);
    pthread_mutex_unlock(&team->lock);
}

bool tg__team_end(struct tg__team *team, struct tg__source *source)
{
    pthread_mutex_lock(&team->lock);
    bool ended = source->end(source);
    if (ended)
        delist(team, source);
    pthread_mutex_unlock(&team->lock);
    return ended;
}

bool tg__team_sleeps(const struct tg__team *team)
{
    return atomic_load(&team->idle) > 0;
}

int tg__team_size(const struct tg__team *team)
{
    return team->size;
}

int tg__team_run(struct tg__source *source, int threads)
{
    struct tg__seat *seat = tg__team_seat();
    prepare(source, seat != NULL ? seat->serving : NULL);
    if (seat != NULL)
        return run_below(seat, source);
    if (omp_get_level() > 0)
        return run_in_users_region(source);
    return run_in_our_region(source, threads);
}

int tg__team_places(int threads)
{
    return is_alone() ? 1 : tg__team_places_elsewhere(threads);
}

int tg__team_places_elsewhere(int threads)
{
    const struct tg__seat *seat = tg__team_seat();
    if (seat != NULL)
        return seat->team->size;
    if (omp_get_level() > 0)
        return omp_get_num_threads();
    return threads > 0 ? threads : omp_get_max_threads();
}
