/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP */
#include "team.h"

#include "lock.h"

#include <omp.h>
#include <pthread.h>
#include <stddef.h>

/* A thread with nothing to serve. On its own stack; in the team's list until somebody calls it. */
struct idler {
    const struct tg__source *scope; /* it serves this and what is below; NULL: all of the team */
    const struct tg__source *owns;  /* it waits for the end of this; NULL: of none */
    struct tg__source *invited;     /* by who has called it: serve this first */
    struct idler *next;
    atomic_bool called;
    bool asleep; /* in the condition, no longer spinning */
    pthread_cond_t condition;
};

struct tg__team {
    pthread_mutex_t lock;    /* guards what follows, and leaving; never held while user code runs */
    struct tg__source *live; /* the sources that run, the innermost first */
    struct idler *idlers;
    atomic_int idle; /* of them: so that a server sees at a glance that nobody waits */
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

static bool covers(const struct tg__source *scope, const struct tg__source *source)
{
    while (scope != NULL && source != NULL && source != scope)
        source = source->below;
    return source != NULL;
}

/* ---- under the team's lock ---- */

static void enlist(struct tg__team *team, struct tg__source *source)
{
    source->next = team->live;
    team->live = source;
    source->live = true;
}

static void delist(struct tg__team *team, struct tg__source *source)
{
    struct tg__source **at = &team->live;
    while (*at != source) /* it is there: NOLINT(clang-analyzer-core.NullDereference) */
        at = &(*at)->next;
    *at = source->next;
    source->live = false;
}

int tg__team_serving(struct tg__source *source)
{
    return atomic_load(&source->visitors) - atomic_load(&source->pins);
}

static bool may_visit(struct tg__source *source)
{
    return tg__team_serving(source) < atomic_load(&source->most) && source->claimable(source);
}

/* The innermost source in scope that has something to do: others wait for it. */
static struct tg__source *find_work(const struct tg__team *team, const struct tg__source *scope)
{
    struct tg__source *source = team->live;
    while (source != NULL && !(covers(scope, source) && may_visit(source)))
        source = source->next;
    return source;
}

/* The one that the thread was called for, if it is still there and needs somebody; else any. In
   scope once more: another group may live at its address by now. */
static struct tg__source *find_invited(
    const struct tg__team *team, const struct tg__source *scope, const struct tg__source *invited)
{
    struct tg__source *source = invited != NULL ? team->live : NULL;
    while (source != NULL && source != invited)
        source = source->next;
    if (source != NULL && covers(scope, source) && may_visit(source))
        return source;
    return find_work(team, scope);
}

/* It goes as soon as it gets the lock; until then its stack stays as it is. */
static void wake(struct tg__team *team, struct idler **at, struct tg__source *invited)
{
    struct idler *idler = *at;
    *at = idler->next;
    idler->invited = invited;
    atomic_fetch_sub(&team->idle, 1);
    atomic_store_explicit(&idler->called, true, memory_order_release);
    if (idler->asleep)
        pthread_cond_signal(&idler->condition);
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

/* Waits to be called, and answers for what (or NULL); the lock is free meanwhile. */
static struct tg__source *wait_for_call(
    struct tg__team *team, const struct tg__source *scope, const struct tg__source *owns)
{
    struct idler me = {
        .scope = scope, .owns = owns, .next = team->idlers, .condition = PTHREAD_COND_INITIALIZER};
    // cppcheck-suppress autoVariables ; it is taken out before this returns
    team->idlers = &me;
    atomic_fetch_add(&team->idle, 1);
    /* Who publishes work looks at `idle` next: so look for work once more, now that we are in it. */
    if (find_work(team, scope) != NULL) {
        team->idlers = me.next;
        atomic_fetch_sub(&team->idle, 1);
        return NULL;
    }
    pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < team->spins && !atomic_load_explicit(&me.called, memory_order_acquire); i++)
        tg__pause();
    pthread_mutex_lock(&team->lock);
    me.asleep = true;
    while (!atomic_load_explicit(&me.called, memory_order_acquire))
        pthread_cond_wait(&me.condition, &team->lock);
    pthread_cond_destroy(&me.condition);
    return me.invited;
}

/* ---- serving ---- */

/* A server stands in a taskgroup of ours, for the cancel: its home's, or one around this visit. */
static void visit(struct tg__seat *seat, struct tg__source *source)
{
    tg__rounding rounding = tg__rounding_get();
    tg__rounding_set(source->rounding);
    struct tg__source *served = seat->serving; /* in the body of a scope: that */
    seat->serving = source;
    if (seat->home == source) {
        source->serve(source, seat);
    } else {
#pragma omp taskgroup
        source->serve(source, seat);
    }
    seat->serving = served; /* it may end now, and we may still run tasks of the user's own */
    tg__rounding_set(rounding);
}

/* Under the lock, which is free meanwhile. */
static void go_and_visit(struct tg__seat *seat, struct tg__source *source)
{
    struct tg__team *team = seat->team;
    atomic_fetch_add(&source->visitors, 1);
    pthread_mutex_unlock(&team->lock);
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
    struct tg__source *source = find_invited(team, scope, invited);
    for (; source != NULL; source = find_work(team, scope))
        go_and_visit(seat, source);
}

/* A helper in a region of ours: serves everything until the region closes. */
static void attend(struct tg__seat *seat)
{
    struct tg__team *team = seat->team;
    struct tg__source *invited = NULL;
    pthread_mutex_lock(&team->lock);
    for (;;) {
        serve_all(seat, NULL, invited);
        if (team->closing)
            break;
        invited = wait_for_call(team, NULL, NULL);
    }
    pthread_mutex_unlock(&team->lock);
}

/* The thread that runs `source`: serves it and what is below (and what is lent) until it has ended. */
static void run_to_end(struct tg__seat *seat, struct tg__source *source)
{
    struct tg__team *team = seat->team;
    const struct tg__source *scope = source->lends ? NULL : source;
    struct tg__source *invited = NULL;
    pthread_mutex_lock(&team->lock);
    for (;;) {
        serve_all(seat, scope, invited);
        if (source->end(source))
            break;
        invited = wait_for_call(team, scope, source);
    }
    delist(team, source);
    pthread_mutex_unlock(&team->lock);
}

/* The body's own raw tasks must not be dropped by a cancel of the taskgroup that we stand in. */
static void run_body(struct tg__seat *seat, struct tg__source *source)
{
    seat->serving = source;
    if (source->claimable(source)) /* added before */
        tg__team_share(seat, source);
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
    sit(&seat);
    pthread_mutex_lock(&team->lock);
    while (source->live && may_visit(source)) /* what comes after its end is for its next run */
        go_and_visit(&seat, source);
    pthread_mutex_unlock(&team->lock);
    rise(&seat);
}

/* From inside the source's home taskgroup; one at a time, each calls the next. */
static void send_ticket(struct tg__seat *seat, struct tg__source *source)
{
    if (!seat->tickets || seat->home != source ||
        tg__team_serving(source) >= atomic_load(&source->most) ||
        atomic_exchange(&source->ticket_out, true))
        return;
    struct tg__team *team = seat->team;
#pragma omp task default(none) firstprivate(team, source)
    help(team, source);
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
    struct tg__source *invited = NULL;
    pthread_mutex_lock(&team->lock);
    while (!enough(source)) {
        struct tg__source *next = find_invited(team, source, invited);
        invited = NULL;
        if (next != NULL) {
            seat->helps = true;
            go_and_visit(seat, next);
            seat->helps = false;
        } else {
            invited = wait_for_call(team, source, source);
        }
    }
    pthread_mutex_unlock(&team->lock);
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

/* A system call on libgomp: asked once. */
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
    sit(&seat);
    attend(&seat);
    rise(&seat);
}

static int run_in_our_region(
    struct tg__source *source, int threads, struct tg__team *_Atomic *started)
{
    struct tg__team team;
    open_team(&team, true, threads);
    enlist(&team, source);
    atomic_store(started, &team);
#pragma omp parallel num_threads(threads) default(none) shared(team, source)
    take_part(&team, source);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

static int run_in_users_region(struct tg__source *source, struct tg__team *_Atomic *started)
{
    struct tg__team team;
    open_team(&team, false, omp_get_num_threads());
    enlist(&team, source);
    atomic_store(started, &team);
    struct tg__seat seat = {
        .team = &team, .home = source, .place = omp_get_thread_num(), .level = omp_get_level()};
    own(&seat, source);
    pthread_mutex_destroy(&team.lock);
    return team.got;
}

/* In a task of the team: its other threads serve this source too. */
static int run_below(
    struct tg__seat *under, struct tg__source *source, struct tg__team *_Atomic *started)
{
    struct tg__team *team = under->team;
    struct tg__seat seat = {
        .team = team, .home = source, .place = under->place, .level = under->level};
    atomic_store(started, team); /* first: who serves it may be called */
    pthread_mutex_lock(&team->lock);
    enlist(team, source);
    pthread_mutex_unlock(&team->lock);
    own(&seat, source);
    return team->got;
}

static void prepare(struct tg__source *source)
{
    /* Published with the team. */
    atomic_store_explicit(&source->visitors, 0, memory_order_relaxed);
    atomic_store_explicit(&source->pins, 0, memory_order_relaxed);
    atomic_store_explicit(&source->ticket_out, false, memory_order_relaxed);
    source->rounding = tg__rounding_get();
    source->below = NULL;
}

void tg__team_lend(
    struct tg__team *team, struct tg__source *source, struct tg__team *_Atomic *started)
{
    prepare(source);
    atomic_store(started, team);
    pthread_mutex_lock(&team->lock);
    enlist(team, source);
    for (int i = atomic_load(&source->most); i > 0 && call_one(team, source); i--)
        ;
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

int tg__team_run(struct tg__source *source, int threads, struct tg__team *_Atomic *started)
{
    struct tg__seat *seat = tg__team_seat();
    prepare(source);
    source->below = seat != NULL ? seat->serving : NULL;
    if (seat != NULL)
        return run_below(seat, source, started);
    if (omp_get_level() > 0)
        return run_in_users_region(source, started);
    return run_in_our_region(source, threads, started);
}

int tg__team_places(int threads)
{
    const struct tg__seat *seat = tg__team_seat();
    if (seat != NULL)
        return seat->team->size;
    if (omp_get_level() > 0)
        return omp_get_num_threads();
    return threads > 0 ? threads : omp_get_max_threads();
}
