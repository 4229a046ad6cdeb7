from config.watchdog import START_SECONDS, Queue, Watchdog


def a_queue(*, has_beaten: bool) -> Queue:
    queue = Queue.__new__(Queue)  # no process: only how long it is waited for is asked
    queue.has_beaten = has_beaten
    return queue


def test_a_queue_that_is_still_starting_gets_longer_than_one_that_fell_silent():
    """On a busy machine a start outlasted the stale time, and was cut short again and again."""
    watchdog = Watchdog(stale_seconds=2)
    assert watchdog._patience_with(a_queue(has_beaten=False)) == START_SECONDS
    assert watchdog._patience_with(a_queue(has_beaten=True)) == 2


def test_a_starting_queue_never_gets_less_than_the_stale_time():
    watchdog = Watchdog(stale_seconds=START_SECONDS * 2)
    assert watchdog._patience_with(a_queue(has_beaten=False)) == START_SECONDS * 2
