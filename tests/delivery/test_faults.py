"""The table of faults: for each row, what Amends does and the tests that show it; and those tests found nowhere else.

The numbers are those of the table that the engine was built by. What is not there yet stands in NOT_YET.
"""

import ast
import asyncio
import json
import os
import resource
import shutil
import sqlite3
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from amends.cli.exits import Exit
from amends.delivery import engine, journal
from amends.delivery.engine import Tally
from amends.delivery.line import FIRST_LANES
from amends.domain.channel import ChannelKind, Status
from amends.domain.notice import PersonState, Reader
from amends.domain.pace import STOP_AFTER_CONTENT
from amends.domain.people import Flag
from amends.ledger import Ledger, database
from amends.world import MailServer, WebServices
from amends.world.mail import CREDENTIALS, FAULTS, Faults, Stage
from tests.builders import a_person
from tests.channels.scripted import ScriptedSmtp
from tests.chaos.killing import PROCESSES
from tests.chaos.sender import Errand, run
from tests.cli.conftest import INCIDENT as OFFICE_INCIDENT
from tests.cli.conftest import Office, approve, office, template  # noqa: F401 - fixtures
from tests.sending import INCIDENT, NOTICE, Rig, a_ledger, approved, channel_settings, personal_variants, sqlite_url

TESTS = Path(__file__).parents[1]
EMAIL = ChannelKind.EMAIL
EMAIL_FIRST = (ChannelKind.WEBSITE, EMAIL)
BEFORE_GIVEN_UP = 5
"""So many failures in a row stop a channel."""

LINE, ENGINE, HERE = "delivery/test_line.py", "delivery/test_engine.py", "delivery/test_faults.py"
JOURNAL, CREW, COMPOSE = "delivery/test_journal.py", "delivery/test_crew.py", "delivery/test_compose.py"
KILLS, TRIGGERS = "chaos/test_kills.py", "chaos/test_triggers.py"
MAIL, SMS, SOCIAL, HTTPS = (f"channels/test_{name}.py" for name in ("email_smtp", "sms_http", "social", "https"))
PACE, REACH, GUARD, PLAN = (f"domain/test_{name}.py" for name in ("pace", "reach", "guard", "plan"))
NOTICES, RECONCILING, SEALING = (f"ledger/test_{name}.py" for name in ("notices", "reconciling", "sealing"))
CONCURRENCY, REPORTS, OPT_OUTS = (f"ledger/test_{name}.py" for name in ("concurrency", "reports", "opt_outs"))
BOUNCES, FORMS, MIRROR = "domain/test_bounces.py", "web/test_portal_forms.py", "flows/test_mirror.py"


def at(file: str, *names: str) -> tuple[str, ...]:
    """These tests of one file."""
    return tuple(f"tests/{file}::test_{name}" for name in names)


FAULT_ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "F1": (
        "a relay that cannot be reached is left alone, named, and found again with one message",
        (
            *at(HERE, "a_relay_that_cannot_be_reached_is_left_alone_and_named"),
            *at(HERE, "nobody_is_given_up_because_the_relay_was_away_for_days"),
            *at(ENGINE, "a_relay_that_is_down_is_named_and_nothing_is_lost"),
            *at(LINE, "a_relay_that_comes_back_is_found_by_one_message_and_the_run_goes_on"),
            *at(PACE, "five_failures_in_a_row_stop_a_channel", "after_the_wait_exactly_one_message_finds_out"),
        ),
    ),
    "F2": (
        "a relay that turns us away at the door is left alone like one that is down",
        (
            *at(HERE, "a_relay_that_turns_us_away_at_the_door_hears_of_nobody"),
            *at(MAIL, "trouble_of_the_relay_is_an_error_before_the_last_call"),
        ),
    ),
    "F3": (
        "nothing goes out in clear text or to a server that nobody vouches for; the channel stops and is named",
        (
            *at(HERE, "without_a_sound_encryption_not_a_word_about_anybody_leaves"),
            *at(HERE, "a_certificate_that_is_not_the_relays_stops_the_channel_at_once"),
            *at(MAIL, "a_relay_without_starttls_gets_nothing", "a_certificate_that_nobody_vouches_for_is_refused"),
            *at(MAIL, "words_put_in_before_the_encryption_end_the_connection"),
        ),
    ),
    "F4": (
        "a refused password stops the channel at once; a login that is put off is tried later",
        (
            *at(HERE, "a_wrong_password_is_tried_by_the_first_connections_and_then_no_more"),
            *at(HERE, "a_login_that_is_put_off_is_tried_again_and_then_everybody_is_told"),
            *at(MAIL, "a_wrong_password_is_an_engineers_matter"),
        ),
    ),
    "F5": (
        "a relay or a domain that wants less gets less, by halves, and more again by slow start",
        (
            *at(HERE, "a_relay_that_has_too_much_to_do_gets_less_and_everybody_is_told"),
            *at(LINE, "a_domain_that_asks_us_to_slow_down_is_not_in_the_way_of_the_others"),
            *at(PACE, "a_slow_down_halves", "after_trouble_that_went_on_a_slow_start_leads_to_half_of_what_was_too_much"),
            *at(PACE, "a_provider_with_too_much_to_do_slows_down_everything"),
        ),
    ),
    "F6": (
        "greylisting is tried again after about 7, 15, 30, 60 minutes, up to 72 hours; then the next channel",
        (
            *at(HERE, "who_is_put_off_for_three_days_is_written_to_on_the_next_channel"),
            *at(ENGINE, "a_greylisted_message_goes_out_in_a_later_run"),
            *at(REACH, "a_deferred_message_waits_about_twice_as_long_each_time_up_to_four_hours"),
            *at(REACH, "after_three_days_of_deferral_the_next_channel_gets_its_turn"),
            *at(KILLS, "senders_killed_at_random_moments_tell_nobody_twice_and_lose_nobody"),
        ),
    ),
    "F7": (
        "a bad address is not tried again: the next channel, or a letter",
        (
            *at(ENGINE, "a_bounced_address_hands_over_to_sms"),
            *at(ENGINE, "whom_no_channel_reaches_is_unreachable_and_the_notice_is_finished"),
            *at(MAIL, "a_reply_means"),
            *at("ledger/test_letters.py", "a_letter_is_next_when_email_and_sms_have_failed"),
        ),
    ),
    "F8": (
        "a domain that blocks us is left alone after three of twenty; nobody of it is given up",
        (
            *at(LINE, "a_domain_that_blocks_us_is_left_alone_and_the_others_go_on"),
            *at(LINE, "nobody_of_a_domain_that_blocks_us_is_given_up"),
            *at(PACE, "a_domain_is_stopped_exactly_when_three_of_twenty_answers_were_blocks"),
        ),
    ),
    "F9": (
        "a full mailbox is tried for three days, then the next channel",
        (
            *at(HERE, "who_is_put_off_for_three_days_is_written_to_on_the_next_channel"),
            *at(MAIL, "a_reply_means"),
        ),
    ),
    "F10": (
        "whatever goes wrong before the dot, or is put off after it, goes out later and once",
        (
            *at(HERE, "what_goes_wrong_around_the_content_goes_out_later_and_once"),
            *at(HERE, "a_line_that_breaks_within_the_content_makes_nobody_uncertain"),
            *at(MAIL, "a_reply_means", "trouble_of_the_relay_is_an_error_before_the_last_call"),
        ),
    ),
    "F11": (
        "no answer to the dot: uncertain, and only a person sends it again",
        (
            *at(ENGINE, "a_message_with_a_lost_answer_is_uncertain_and_no_run_sends_it_again"),
            *at(ENGINE, "an_uncertain_message_goes_out_again_when_a_person_says_so"),
            *at(ENGINE, "a_relay_that_leaves_every_answer_open_is_stopped_before_many_are_uncertain"),
            *at(MAIL, "a_line_that_breaks_after_the_dot_leaves_us_in_doubt"),
            *at(MAIL, "a_reply_that_takes_too_long_leaves_us_in_doubt"),
            *at(KILLS, "senders_killed_at_random_moments_tell_nobody_twice_and_lose_nobody"),
        ),
    ),
    "F12": (
        "a yes to the dot stands, whatever becomes of the leave-taking",
        (
            *at(HERE, "a_message_that_was_taken_is_sent_although_the_leave_taking_fails"),
            *at(MAIL, "a_relay_that_is_gone_does_not_disturb_the_leave_taking"),
        ),
    ),
    "F13": (
        "a text refused for three people in a row stops the channel, because it is the template; one alone is failed",
        (
            *at(HERE, "a_text_that_three_people_in_a_row_were_refused_reaches_nobody_else"),
            *at(HERE, "a_text_that_one_person_was_refused_is_that_persons_and_the_next_channels"),
            *at(PACE, "a_text_refused_for_three_people_in_a_row_stops_the_line_because_it_is_the_template"),
        ),
    ),
    "F14": (
        "there is one recipient in each envelope, so no part of it can be refused",
        (
            *at(MAIL, "there_is_one_envelope_recipient_and_a_return_path_of_its_own"),
            *at("channels/contract.py", "a_message_goes_to_the_one_address_it_is_for"),
        ),
    ),
    "F15": (
        "a command's time is counted in total; a server that drips holds up its own connection alone",
        (
            *at(HERE, "a_relay_that_drips_one_reply_holds_up_that_message_alone"),
            *at(HERE, "a_relay_that_drips_its_answer_to_the_dot_leaves_that_message_alone_in_doubt"),
            *at(MAIL, "a_relay_that_says_nothing_is_given_up_in_time"),
            *at(HTTPS, "a_slow_answer_is_waited_for_in_total_and_not_byte_by_byte"),
        ),
    ),
    "F16": (
        "429 waits as long as it says; with idempotency the same key again, without it uncertain",
        (
            *at(SMS, "an_answer_means", "the_wait_that_a_gateway_asks_for_is_passed_on"),
            *at(SMS, "every_try_of_a_message_bears_the_same_key"),
            *at(SMS, "the_same_key_again_is_one_sms_at_an_idempotent_gateway"),
            *at(HTTPS, "a_wait_is_read_as_each_provider_writes_it", "whatever_a_server_asks_we_wait_an_hour_at_most"),
            *at(ENGINE, "an_sms_gateway_that_is_down_is_stopped_before_everybody_was_tried"),
        ),
    ),
    "F17": (
        "a post whose answer was lost is looked for, and else left to a person",
        (
            *at(SOCIAL, "a_toot_whose_answer_was_lost_is_sent_when_it_can_be_seen"),
            *at(SOCIAL, "a_toot_that_cannot_be_seen_is_for_a_person_to_decide"),
            *at(SOCIAL, "a_bluesky_post_that_stands_in_its_place_is_sent"),
            *at(SOCIAL, "a_bluesky_post_that_cannot_be_seen_is_for_a_person_to_decide"),
        ),
    ),
    "F18": (
        "a message that cannot be put together is parked after three tries, and the others go on",
        (
            *at(HERE, "a_message_that_cannot_be_put_together_is_parked_after_three_tries_and_the_others_go_on"),
            *at(ENGINE, "a_fault_with_one_person_does_not_stop_the_others"),
            *at(ENGINE, "a_message_at_which_the_relay_always_hangs_up_is_given_up_in_time_and_the_others_go_out"),
            *at(REACH, "a_message_that_is_at_fault_itself_is_parked_after_three_tries"),
        ),
    ),
    "F19": (
        "a template without a value for a slot or a variable is an error before anybody can approve it",
        (
            *at("domain/test_drafting.py", "a_fault_in_a_template_is_named_with_its_line"),
            *at("domain/test_lint.py", "no_part_can_be_emptied_unseen"),
            *at(COMPOSE, "no_slot_is_left_over_in_any_form"),
            *at(COMPOSE, "who_has_no_data_of_their_own_listed_reads_what_was_touched_in_general"),
            *at("playbooks/test_templates.py", "nothing_of_the_template_is_left_in_the_text"),
        ),
    ),
    "F20": (
        "while the ledger cannot be written nothing is marked, so nothing leaves; then the same run goes on",
        (
            *at(HERE, "while_the_ledger_cannot_be_written_nothing_leaves_and_then_the_same_run_goes_on"),
            *at(HERE, "a_ledger_on_a_disk_that_is_read_only_sends_nothing"),
            *at(JOURNAL, "while_the_ledger_cannot_be_written_nothing_leaves_and_everybody_hears_why"),
            *at(JOURNAL, "after_long_enough_nothing_leaves_any_more_and_the_run_fails"),
            *at(FORMS, "a_full_disk_gives_back_what_was_typed"),
            *at("web/test_portal_guard.py", "the_portal_is_not_healthy_without_its_ledger"),
        ),
    ),
    "F21": (
        "a locked ledger is waited for, then tried again each second; nothing leaves meanwhile",
        (
            *at(HERE, "while_the_ledger_cannot_be_written_nothing_leaves_and_then_the_same_run_goes_on"),
            *at(FORMS, "a_locked_ledger_gives_back_what_was_typed"),
            *at(JOURNAL, "a_run_ends_only_when_the_ledger_can_be_written_again"),
        ),
    ),
    "F22": (
        "after kill -9 nobody is told twice and nobody is lost; what may have left is uncertain",
        (
            *at(KILLS, "senders_killed_at_random_moments_tell_nobody_twice_and_lose_nobody"),
            *at(CREW, "processes_that_are_killed_lose_nobody"),
            *at(NOTICES, "after_a_crash_what_surely_had_not_left_waits_again_and_the_rest_is_uncertain"),
            *at("ledger/test_migrations.py", "every_commit_is_on_disk_before_it_returns"),
        ),
    ),
    "F23": (
        "a worker that stood still beyond its lease can neither mark nor send what another took over",
        (
            *at(ENGINE, "two_engines_at_once_tell_nobody_twice"),
            *at(ENGINE, "a_worker_whose_lease_ran_out_sends_nothing_after_another_took_over"),
            *at(KILLS, "a_worker_that_stood_still_beyond_its_lease_sends_nothing_that_another_took_over"),
            *at(KILLS, "two_workers_at_once_of_whom_some_are_killed_share_one_ledger"),
            *at(CONCURRENCY, "who_takes_over_sees_every_mark_that_was_kept_and_no_other_is_kept_afterwards"),
        ),
    ),
    "F24": (
        "however many start the same send, it happens once",
        (
            *at(TRIGGERS, "fifty_triggers_of_one_send_have_one_effect"),
            *at(TRIGGERS, "processes_that_start_the_same_send_at_once_have_one_effect"),
            *at(CONCURRENCY, "fifty_releases_of_a_notice_store_one_set_of_messages"),
            *at("cli/test_approval_commands.py", "delivering_again_sends_nothing_twice"),
        ),
    ),
    "F25": (
        "whatever the clock does no step comes twice, and after an outage an overdue series is one turn",
        (
            *at(PLAN, "whatever_the_jumps_in_time_no_turn_is_ever_due_twice"),
            *at(PLAN, "after_an_outage_an_overdue_series_collapses_into_one_turn"),
            *at("domain/test_terms.py", "hours_run_through_weekends_holidays_and_changes_of_the_clock"),
            *at("domain/test_terms.py", "a_day_that_ends_twice_ends_the_first_time"),
            *at(ENGINE, "a_worker_whose_lease_ran_out_sends_nothing_after_another_took_over"),
        ),
    ),
    "F26": ("nobody is written to at night, where they live", ()),
    "F27": (
        "an incident runs by the playbook and the words it was started with; changed facts need a new approval",
        (
            *at("ledger/test_steps.py", "a_pinned_playbook_is_in_force_with_its_words"),
            *at("ledger/test_steps.py", "another_word_in_a_template_is_other_content"),
            *at(ENGINE, "amended_facts_stop_a_run_at_the_next_message_and_the_new_words_reach_only_the_others"),
            *at(ENGINE, "words_that_were_approved_before_do_not_leave_under_a_later_approval"),
            *at("domain/test_approval.py", "any_change_of_what_leaves_changes_the_binding"),
        ),
    ),
    "F28": (
        "an audience is taken in once, and whoever was told is not told again by a later version",
        (
            *at("ledger/test_incidents.py", "an_incident_is_opened_once"),
            *at(NOTICES, "a_new_version_after_a_part_was_sent_reaches_only_the_others"),
        ),
    ),
    "F29": (
        "those who decide at once are all heard, nobody counts twice, and what is out of date is not approved",
        (
            *at(CONCURRENCY, "two_who_decide_at_once_are_both_heard"),
            *at(CONCURRENCY, "an_approval_and_an_amendment_at_once_leave_nothing_approved_that_is_out_of_date"),
            *at(NOTICES, "the_same_approver_twice_counts_once", "a_no_is_final_even_when_who_said_it_leaves_the_team"),
            *at("cli/test_approval_commands.py", "another_hash_than_the_one_looked_at_approves_nothing"),
        ),
    ),
    "F30": (
        "who may approve is looked at again when the notice is released",
        (
            *at(ENGINE, "without_approval_nothing_leaves"),
            *at(NOTICES, "a_member_who_left_the_team_no_longer_counts"),
            *at(CREW, "without_approval_no_process_starts"),
        ),
    ),
    "F31": (
        "a report counts only with a token of ours; delayed is no failure, and a forged one changes nothing",
        (
            *at(BOUNCES, "an_example_is_read_as_the_table_says"),
            *at(BOUNCES, "a_delayed_report_is_no_failure_whatever_its_status", "no_bytes_make_it_raise"),
            *at(REPORTS, "a_forged_token_changes_nothing", "a_bounce_that_comes_again_changes_nothing"),
        ),
    ),
    "F32": (
        "an automatic answer is known as one and changes nothing; Amends itself answers no mail",
        (
            *at(BOUNCES, "each_sign_of_a_machine_makes_it_an_automatic_answer"),
            *at(REPORTS, "what_is_no_last_word_changes_nothing"),
        ),
    ),
    "F33": (
        "an opt-out stops what is optional and nothing that people must be told",
        (
            *at("domain/test_optional.py", "an_opt_out_holds_exactly_what_is_optional"),
            *at("domain/test_optional.py", "an_approval_binds_the_class"),
            *at(OPT_OUTS, "a_mandatory_notice_ignores_an_opt_out", "an_opt_out_withdraws_at_once_what_waits"),
        ),
    ),
    "F34": (
        "who complains gets nothing optional any more; the rate of complaints is watched",
        (
            *at(REPORTS, "a_complaint_is_kept_and_the_person_gets_nothing_optional_any_more"),
            *at(GUARD, "complaints_warn_at_one_and_stop_optional_mail_at_three_in_a_thousand"),
            *at(GUARD, "complaints_do_not_stop_what_the_law_wants_told"),
        ),
    ),
    "F35": (
        "whatever happens to Prefect, the ledger says what is due, and the sweep repairs the schedule",
        (
            *at("e2e/test_up.py", "a_lead_tells_everybody_although_everything_is_killed_in_the_middle"),
            *at(MIRROR, "after_prefect_lost_its_database_everything_stands_there_again"),
            *at(MIRROR, "a_crashed_run_is_set_up_again_three_times_and_then_the_lead_is_told"),
            *at("flows/test_turns.py", "a_run_that_died_after_the_last_message_costs_no_follow_up"),
        ),
    ),
    "F36": (
        "a restored ledger sends nothing before it was compared with the relay's log",
        (
            *at(RECONCILING, "a_restored_ledger_sends_nothing", "what_no_log_tells_is_uncertain"),
            *at(RECONCILING, "with_a_complete_log_only_those_who_were_not_told_are_told"),
            *at("cli/test_stop_and_reconcile.py", "a_log_tells_a_restored_ledger_what_had_left"),
        ),
    ),
    "F37": (
        "without the key, or with another one, it refuses to start, and nothing is written in clear",
        (
            *at(HERE, "without_the_right_key_nothing_leaves_and_the_reason_is_said"),
            *at(SEALING, "a_ledger_refuses_another_master_key", "a_key_file_that_holds_no_key_is_refused"),
            *at("ledger/test_incidents.py", "nothing_personal_can_be_read_in_the_files_of_the_database"),
            *at("cli/test_init_and_doctor.py", "another_key_fails"),
        ),
    ),
    "F38": (
        "the public forms run in a process of their own and are held at limits",
        (
            *at("web/test_portal_process.py", "the_portal_serves_pages_and_prints_no_link"),
            *at("web/test_post_limits.py", "a_flood_from_everywhere_is_held_at_the_common_limit"),
            *at("web/test_post_limits.py", "one_who_floods_does_not_use_up_what_all_may_send"),
        ),
    ),
    "F39": (
        "`amends stop` ends a send within a second, on every machine; it goes on where it stopped",
        (
            *at(HERE, "after_amends_stop_no_message_arrives_any_more_and_the_send_can_go_on"),
            *at(ENGINE, "a_pause_stops_a_run_at_the_next_message", "who_cancels_a_run_leaves_no_message_in_doubt"),
            *at("cli/test_stop_and_reconcile.py", "a_stopped_incident_sends_nothing_until_it_is_resumed"),
        ),
    ),
}
"""What Amends does in each fault, and the tests that show it."""

NOT_YET = (
    "F1 NOT YET: a failed connection counts as a try of the person whose turn it was",
    "F18 NOT YET: a parked message does not keep the notice from being finished",
    "F19 NOT YET: a preview puts together samples and not everybody's message before the approval",
    "F20 NOT YET: there is no reserve file to be deleted for a clean stop",
    "F25 NOT YET: a jump of the clock by more than ten minutes is not noticed, and leases run on the wall clock",
    "F26 NOT YET: there are no quiet hours",
    "F28 NOT YET: an audience cannot be taken in again with corrections",
    "F34 NOT YET: the rate of complaints only warns; at 0.3 % optional mail does not stop by itself",
    "F38 NOT YET: nobody has measured how much a flood of forms slows down a send",
)
"""What a row asks for and Amends does not do; a row without any test must stand here."""
