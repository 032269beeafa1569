"""The table of faults: for each row, what Amends does and the tests that show it; and those tests found nowhere else.

The numbers are those of the table that the engine was built by. What is not there yet stands in NOT_YET.
"""

import ast
import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import ssl
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
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
from sqlalchemy import update
from sqlmodel import col
from starlette.testclient import TestClient

from amends.cli.terminal.exits import Exit
from amends.delivery.send import engine, group_commit
from amends.delivery.send.engine import Tally
from amends.delivery.send.queue import FIRST_LANES
from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver import pace
from amends.domain.deliver.limits import MOST_FIRST
from amends.domain.deliver.pace import STOP_AFTER_CONTENT
from amends.domain.notice.notice import PersonState
from amends.ledger import Claim, Keys, Ledger
from amends.ledger.store import database
from amends.ledger.store.leases import LEASE
from amends.ledger.tables.deliver import DeliveryRow
from amends.sandbox.mail import CREDENTIALS, Faults, MailServer, SmtpStage
from amends.sandbox.web import WebServices
from amends.settings import Settings
from amends.system.processes import TERMINATION_SIGNALS
from amends.web.app import create_app
from channels import email_smtp
from tests.builders import a_member, a_person, an_alert, an_incident
from tests.channels.contract import a_message, deliver
from tests.channels.scripted import ScriptedSmtp
from tests.chaos.killing import PROCESSES
from tests.chaos.sender import Errand, run
from tests.cli.conftest import INCIDENT as OFFICE_INCIDENT
from tests.cli.conftest import Office, approve, empty, new_home, office, template  # noqa: F401 - fixtures
from tests.delivery.sending import INCIDENT, NOTICE, Rig, a_ledger, approved, channel_settings, sqlite_url
from tests.disks import fill_up, small_file_system
from tests.terminals import hears_all, outlives_the_terminal

TESTS = Path(__file__).parents[2]
EMAIL = ChannelKind.EMAIL
EMAIL_FIRST = (ChannelKind.WEBSITE, EMAIL)
BEFORE_GIVEN_UP = 5
"""So many failures in a row stop a channel."""

LINE, ENGINE, HERE = "delivery/send/test_queue.py", "delivery/send/test_engine.py", "delivery/faults/test_faults.py"
JOURNAL, CREW, COMPOSE = (
    "delivery/send/test_group_commit.py",
    "delivery/send/test_workers.py",
    "delivery/test_compose.py",
)
PREFLIGHT = "delivery/test_preflight.py"
JUMPS, FLOOD = "delivery/faults/test_clock_jumps.py", "delivery/faults/test_flooded_send.py"
KILLS, TRIGGERS = "chaos/test_kills.py", "chaos/test_triggers.py"
MAIL, SMS, SOCIAL = (f"channels/test_{name}.py" for name in ("email_smtp", "sms_http", "social"))
HTTPS = "channels/web_api/test_provider.py"
PACE, REACH, GUARD = (f"domain/deliver/test_{name}.py" for name in ("pace", "cascade", "limits"))
PLAN = "domain/plan/test_plan.py"
NOTICES, RECONCILING = "ledger/notice/test_notices.py", "ledger/notice/test_restore.py"
SEALING = "ledger/store/test_encryption.py"
DECISIONS, CORRECTIONS = "ledger/deliver/test_decisions.py", "ledger/deliver/test_corrections.py"
CORRECTED = "delivery/send/test_corrected_lists.py"
CONCURRENCY, REPORTS = "ledger/deliver/test_concurrency.py", "ledger/receipt/test_receipts.py"
OPT_OUTS = "ledger/people/test_opt_outs.py"
BOUNCES, FORMS, MIRROR = "domain/receipt/test_dsn.py", "web/portal/test_portal_forms.py", "flows/run/test_schedule.py"


def at(file: str, *names: str) -> tuple[str, ...]:
    """These tests of one file."""
    return tuple(f"tests/{file}::test_{name}" for name in names)


FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "F1": (
        "a relay that cannot be reached is left alone, named, and found again with one message",
        (
            *at(HERE, "a_relay_that_cannot_be_reached_is_left_alone_and_named"),
            *at(HERE, "a_relay_with_an_unknown_name_is_named_and_everybody_waits"),
            *at(HERE, "nobody_is_given_up_because_the_relay_was_away_for_days"),
            *at(ENGINE, "a_relay_that_is_down_is_named_and_nothing_is_lost"),
            *at(LINE, "a_relay_that_comes_back_is_found_by_one_message_at_a_time"),
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
            *at(HERE, "a_certificate_not_the_relays_stops_the_channel_at_once"),
            *at(HERE, "a_sound_certificate_and_right_password_let_everything_out"),
            *at(MAIL, "a_relay_without_starttls_gets_nothing", "a_certificate_that_nobody_vouches_for_is_refused"),
            *at(MAIL, "words_put_in_before_the_encryption_end_the_connection"),
        ),
    ),
    "F4": (
        "a refused password stops the channel at once; a login that is put off is tried later",
        (
            *at(HERE, "a_wrong_password_is_tried_by_the_first_lanes_and_no_more"),
            *at(HERE, "a_deferred_login_is_tried_again_and_everybody_is_told"),
            *at(MAIL, "a_wrong_password_is_an_engineers_matter"),
        ),
    ),
    "F5": (
        "a relay or a domain that wants less gets less, by halves, and more again by slow start",
        (
            *at(HERE, "a_crowded_relay_gets_less_and_everybody_is_told"),
            *at(LINE, "a_domain_that_asks_us_to_slow_down_holds_up_no_other"),
            *at(PACE, "a_slow_down_halves", "after_long_trouble_slow_start_leads_to_half_of_what_failed"),
            *at(PACE, "a_provider_with_too_much_to_do_slows_down_everything"),
        ),
    ),
    "F6": (
        "greylisting is tried again after about 7, 15, 30, 60 minutes, up to 72 hours; then the next channel",
        (
            *at(HERE, "a_person_deferred_for_three_days_gets_the_next_channel"),
            *at(ENGINE, "a_greylisted_message_goes_out_in_a_later_run"),
            *at(REACH, "a_deferred_message_waits_twice_as_long_up_to_four_hours"),
            *at(REACH, "after_three_days_of_deferral_the_next_channel_gets_its_turn"),
            *at(KILLS, "senders_killed_at_random_tell_nobody_twice_and_lose_nobody"),
        ),
    ),
    "F7": (
        "a bad address is not tried again: the next channel, or a letter",
        (
            *at(ENGINE, "a_bounced_address_hands_over_to_sms"),
            *at(ENGINE, "a_notice_finishes_when_no_channel_reaches_a_person"),
            *at(MAIL, "a_reply_means"),
            *at("ledger/deliver/test_letters.py", "a_letter_is_next_when_email_and_sms_have_failed"),
        ),
    ),
    "F8": (
        "a domain that blocks us is left alone after three of twenty; nobody of it is given up",
        (
            *at(LINE, "a_domain_that_blocks_us_is_left_alone_and_the_others_go_on"),
            *at(LINE, "nobody_of_a_domain_that_blocks_us_is_given_up"),
            *at(PACE, "a_domain_stops_exactly_at_three_blocks_in_twenty_answers"),
        ),
    ),
    "F9": (
        "a full mailbox is tried for three days, then the next channel",
        (*at(HERE, "a_person_deferred_for_three_days_gets_the_next_channel"), *at(MAIL, "a_reply_means")),
    ),
    "F10": (
        "whatever goes wrong before the dot, or is put off after it, goes out later and once",
        (
            *at(HERE, "what_goes_wrong_around_the_content_goes_out_later_and_once"),
            *at(HERE, "a_line_that_breaks_in_the_content_loses_and_repeats_nobody"),
            *at(HERE, "a_line_that_broke_before_the_mark_was_kept_is_no_doubt"),
            *at(HERE, "a_line_that_broke_while_the_commit_was_made_is_no_doubt"),
            *at(HERE, "a_hangup_while_marks_are_kept_leaves_nobody_in_doubt"),
            *at(MAIL, "a_reply_means", "trouble_of_the_relay_is_an_error_before_the_last_call"),
        ),
    ),
    "F11": (
        "no answer to the dot: uncertain, and only a person sends it again",
        (
            *at(ENGINE, "a_message_with_a_lost_answer_is_never_sent_again"),
            *at(ENGINE, "an_uncertain_message_goes_out_again_when_a_person_says_so"),
            *at(ENGINE, "a_relay_without_answers_is_stopped_before_many_are_in_doubt"),
            *at(MAIL, "a_line_that_breaks_after_the_dot_leaves_us_in_doubt"),
            *at(MAIL, "a_reply_that_takes_too_long_leaves_us_in_doubt"),
            *at(KILLS, "senders_killed_at_random_tell_nobody_twice_and_lose_nobody"),
        ),
    ),
    "F12": (
        "a yes to the dot stands, whatever becomes of the leave-taking",
        (
            *at(HERE, "a_message_that_was_taken_is_sent_although_the_quit_fails"),
            *at(MAIL, "a_relay_that_is_gone_does_not_disturb_the_leave_taking"),
        ),
    ),
    "F13": (
        "a text refused for three people in a row stops the channel, because it is the template; one alone is failed",
        (
            *at(HERE, "a_text_refused_for_three_in_a_row_reaches_nobody_else"),
            *at(HERE, "a_text_refused_for_one_person_goes_to_the_next_channel"),
            *at(PACE, "a_text_refused_for_three_people_in_a_row_stops_sending"),
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
            *at(HERE, "a_relay_that_drips_its_answer_leaves_one_message_in_doubt"),
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
            *at(ENGINE, "a_dead_sms_gateway_is_stopped_before_everybody_is_tried"),
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
        "a message that cannot be put together is parked after three tries until a person decides; the others go on",
        (
            *at(HERE, "a_message_that_cannot_be_composed_is_parked_after_3_tries"),
            *at(HERE, "a_notice_with_a_parked_message_waits_for_a_decision"),
            *at(HERE, "a_parked_message_does_not_hold_up_what_follows_the_notice"),
            *at(HERE, "who_is_parked_and_given_up_is_written_to_on_the_next_channel"),
            *at(DECISIONS, "a_parked_message_keeps_a_notice_unfinished_until_decided"),
            *at(PLAN, "parked_messages_do_not_hold_up_the_next_occurrence"),
            *at("flows/run/test_occurrence.py", "a_parked_message_waits_for_a_person_and_holds_up_nobody_else"),
            *at(ENGINE, "a_fault_with_one_person_does_not_stop_the_others"),
            *at(ENGINE, "a_message_that_breaks_each_connection_is_given_up_in_time"),
            *at(REACH, "a_message_at_fault_itself_is_parked_after_three_tries"),
        ),
    ),
    "F19": (
        "everybody's message is put together and checked before anybody can approve it; a gap or a null stops that",
        (
            *at("domain/draft/test_draft.py", "a_fault_in_a_template_is_named_with_its_line"),
            *at("domain/lint/test_lint.py", "no_part_can_be_emptied_unseen"),
            *at("content/test_notice.py", "a_template_hiding_gaps_or_using_null_names_file_and_line"),
            *at(COMPOSE, "no_slot_is_left_over_in_any_form"),
            *at(COMPOSE, "a_person_without_listed_data_reads_what_was_touched"),
            *at("playbooks/test_templates.py", "nothing_of_the_template_is_left_in_the_text"),
            *at(PREFLIGHT, "when_everybodys_message_can_be_put_together_all_are_counted"),
            *at(PREFLIGHT, "a_name_that_would_be_printed_wrongly_is_found"),
            *at(PREFLIGHT, "an_address_that_is_of_no_use_is_counted_and_stops_nobody"),
            *at("ledger/notice/test_preflight.py", "everybodys_first_messages_are_those_that_a_release_stores"),
            *at("ledger/notice/test_preflight.py", "nobody_approves_before_everybodys_message_was_looked_at"),
            *at("ledger/notice/test_preflight.py", "nobody_approves_what_cannot_be_put_together"),
            *at("flows/run/test_occurrence.py", "what_is_drafted_is_looked_over_at_once"),
            *at("cli/notice/test_approval.py", "a_gap_in_one_message_blocks_approval_until_corrected"),
        ),
    ),
    "F20": (
        "while the ledger cannot be written nothing leaves, and then the same run goes on; a full disk ends it cleanly",
        (
            *at(HERE, "nothing_is_sent_while_the_ledger_cannot_be_written"),
            *at(HERE, "a_full_disk_ends_the_run_in_order_and_says_what_to_do"),
            *at(HERE, "nothing_is_sent_before_a_full_disk_has_room_again"),
            *at(HERE, "a_send_stops_when_another_process_has_found_the_disk_full"),
            *at(HERE, "a_full_disk_is_called_full_by_who_opens_the_ledger"),
            *at(HERE, "an_act_on_a_full_disk_is_kept_although_it_cannot_be_noted"),
            *at(HERE, "the_portal_is_not_healthy_while_its_ledgers_disk_is_full"),
            *at(HERE, "a_ledger_on_a_disk_that_is_read_only_sends_nothing"),
            *at(HERE, "a_run_that_needs_a_page_of_a_locked_ledger_goes_on"),
            *at(JOURNAL, "nothing_is_sent_while_marks_fail_and_the_reason_is_told"),
            *at(JOURNAL, "after_long_enough_nothing_leaves_any_more_and_the_run_fails"),
            *at(FORMS, "a_full_disk_gives_back_what_was_typed"),
            *at("web/portal/test_portal_guard.py", "the_portal_is_not_healthy_without_its_ledger"),
        ),
    ),
    "F21": (
        "a locked ledger is waited for, then tried again each second; nothing leaves meanwhile",
        (
            *at(HERE, "nothing_is_sent_while_the_ledger_cannot_be_written"),
            *at(FORMS, "a_locked_ledger_gives_back_what_was_typed"),
            *at(JOURNAL, "a_run_ends_only_when_the_ledger_can_be_written_again"),
        ),
    ),
    "F22": (
        "after kill -9 nobody is told twice and nobody is lost, what may have left is uncertain; another end waits for it",
        (
            *at(HERE, "ending_a_send_leaves_no_doubt_and_says_how_to_go_on"),
            *at(HERE, "a_send_that_was_started_with_nohup_outlives_its_terminal"),
            *at(HERE, "a_send_that_can_say_nothing_tells_everybody_all_the_same"),
            *at(CREW, "the_end_that_prefect_asks_for_comes_after_the_answers"),
            *at(KILLS, "senders_killed_at_random_tell_nobody_twice_and_lose_nobody"),
            *at(
                CREW,
                "killed_processes_lose_nobody_and_their_messages_go_on",
                "when_the_first_process_is_killed_the_others_stop_soon",
            ),
            *at(NOTICES, "after_a_crash_marked_messages_are_uncertain_others_wait"),
            *at("ledger/test_schema.py", "every_commit_is_on_disk_before_it_returns"),
            *at("ledger/store/test_lost_connections.py", "every_commit_is_on_the_servers_disk_whatever_it_is_set_to"),
        ),
    ),
    "F23": (
        "a worker that stood still beyond its lease can neither mark nor send what another took over",
        (
            *at(ENGINE, "two_engines_at_once_tell_nobody_twice"),
            *at(ENGINE, "a_worker_whose_lease_ran_out_sends_nothing_taken_over"),
            *at(KILLS, "a_worker_stalled_beyond_its_lease_sends_nothing_taken_over"),
            *at(KILLS, "two_workers_at_once_of_whom_some_are_killed_share_one_ledger"),
            *at(CONCURRENCY, "a_takeover_sees_every_mark_and_none_is_kept_afterwards"),
        ),
    ),
    "F24": (
        "however many start the same send, it happens once",
        (
            *at(TRIGGERS, "fifty_triggers_of_one_send_have_one_effect"),
            *at(TRIGGERS, "processes_that_start_the_same_send_at_once_have_one_effect"),
            *at(CONCURRENCY, "fifty_releases_of_a_notice_store_one_set_of_messages"),
            *at("cli/notice/test_approval.py", "delivering_again_sends_nothing_twice"),
        ),
    ),
    "F25": (
        "no step comes twice whatever the clock does; a jump by over ten minutes holds all until a person has looked",
        (
            *at("ledger/incident/test_embargo_and_clock.py", "a_jump_holds_every_timer_until_a_person_settles_it"),
            *at("ledger/incident/test_embargo_and_clock.py", "a_clock_set_right_again_is_still_asked_about"),
            *at("delivery/send/test_postpone.py", "with_a_doubtful_clock_nothing_leaves"),
            *at("domain/playbook/test_schedule.py", "an_hour_that_does_not_exist_comes_an_hour_later"),
            *at("domain/playbook/test_schedule.py", "an_hour_that_comes_twice_is_meant_the_first_time"),
            *at("domain/playbook/test_schedule.py", "each_turn_comes_once_and_later_than_the_one_before"),
            *at(PLAN, "whatever_the_jumps_in_time_no_turn_is_ever_due_twice"),
            *at(PLAN, "after_an_outage_an_overdue_series_collapses_into_one_turn"),
            *at("domain/law/test_term.py", "hours_run_through_weekends_holidays_and_changes_of_the_clock"),
            *at("domain/law/test_term.py", "a_day_that_ends_twice_ends_the_first_time"),
            *at(ENGINE, "a_worker_whose_lease_ran_out_sends_nothing_taken_over"),
            *at(JUMPS, "a_clock_jump_stops_a_send_and_the_next_run_tells_the_rest"),
            *at(JUMPS, "nobody_is_given_up_while_the_clock_is_a_month_ahead"),
            *at(JUMPS, "a_dead_workers_messages_go_on_however_the_clock_was_set"),
            *at(JUMPS, "a_living_worker_sends_nothing_taken_over_by_a_set_clock"),
            *at(JUMPS, "late_answers_of_a_living_worker_count_after_a_set_clock"),
            *at(JUMPS, "machines_with_clocks_that_differ_leave_each_other_alone"),
        ),
    ),
    "F26": (
        "in quiet hours nobody is disturbed, by the clock of the person, else of their country, else of the sender",
        (
            *at("domain/deliver/test_quiet_hours.py", "what_waits_for_the_end_of_the_night_leaves_by_day"),
            *at("domain/deliver/test_quiet_hours.py", "a_country_with_several_zones_is_quiet_while_any_of_them_is"),
            *at("domain/plan/test_plan_in_time.py", "quiet_hours_without_a_meaning_are_refused"),
            *at(
                "delivery/send/test_postpone.py",
                "at_night_emails_are_sent_and_sms_wait_for_the_morning",
                "a_home_zone_is_the_persons_then_the_countrys_then_ours",
                "quiet_hours_are_approved_and_give_way_to_grave_cases",
            ),
        ),
    ),
    "F27": (
        "an incident runs by the playbook and the words it was started with; changed facts need a new approval",
        (
            *at("ledger/playbook/test_occurrences.py", "a_pinned_playbook_is_in_force_with_its_words"),
            *at("ledger/playbook/test_occurrences.py", "another_word_in_a_template_is_other_content"),
            *at(ENGINE, "amended_facts_stop_a_run_and_the_new_words_reach_the_rest"),
            *at(ENGINE, "old_words_are_not_sent_under_a_later_approval"),
            *at("domain/team/test_approval.py", "any_change_of_what_leaves_changes_the_binding"),
        ),
    ),
    "F28": (
        "a corrected list says who is new, changed or gone; swapped addresses alarm; nobody is told twice or forgotten",
        (
            *at(CORRECTIONS, "each_kind_of_difference_is_told_by_person_and_row"),
            *at(CORRECTIONS, "sorting_one_column_is_noticed", "the_same_customer_under_another_id_is_noticed"),
            *at(CORRECTIONS, "who_is_gone_stays_in_the_ledger_and_counts_apart", "nothing_more_goes_to_who_is_gone"),
            *at(CORRECTIONS, "who_was_told_is_not_told_again_at_another_address"),
            *at(CORRECTIONS, "who_is_found_late_is_counted_and_gets_what_people_must_have"),
            *at(CORRECTIONS, "a_list_that_breaks_off_in_its_last_row_changes_nothing"),
            *at(CORRECTIONS, "the_same_list_again_changes_nothing"),
            *at(CORRECTED, "after_a_correction_in_mid_send_everybody_is_told_once"),
            *at(CORRECTED, "a_cut_off_run_and_a_later_correction_tell_nobody_twice"),
            *at("flows/story/test_latecomers.py", "a_turn_that_was_done_goes_on_for_who_is_found_late"),
            *at("cli/people/test_audience_correct.py", "swapped_addresses_are_refused_until_somebody_says_how_many"),
            *at("ledger/incident/test_incidents.py", "an_incident_is_opened_once"),
            *at(NOTICES, "a_new_version_after_a_part_was_sent_reaches_only_the_others"),
        ),
    ),
    "F29": (
        "those who decide at once are all heard, nobody counts twice, and what is out of date is not approved",
        (
            *at(CONCURRENCY, "two_who_decide_at_once_are_both_heard"),
            *at(CONCURRENCY, "an_amendment_amid_releases_leaves_no_outdated_approval"),
            *at(NOTICES, "the_same_approver_twice_counts_once", "a_no_is_final_even_when_who_said_it_leaves_the_team"),
            *at("cli/notice/test_approval.py", "another_hash_than_the_one_looked_at_approves_nothing"),
        ),
    ),
    "F30": (
        "who may approve is looked at again when the notice is released",
        (
            *at(ENGINE, "without_approval_nothing_leaves"),
            *at(NOTICES, "a_member_who_left_the_team_no_longer_counts"),
            *at(CREW, "without_approval_nothing_leaves_and_no_process_is_left"),
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
            *at("domain/deliver/test_optional.py", "an_opt_out_holds_exactly_what_is_optional"),
            *at("domain/deliver/test_optional.py", "an_approval_binds_the_class"),
            *at(OPT_OUTS, "a_mandatory_notice_ignores_an_opt_out", "an_opt_out_withdraws_at_once_what_waits"),
        ),
    ),
    "F34": (
        "who complains gets nothing optional any more; the rate of complaints is watched",
        (
            *at(REPORTS, "a_complaint_is_kept_and_ends_optional_messages"),
            *at(GUARD, "complaints_warn_at_1_and_stop_optional_mail_at_3_in_1000"),
            *at(GUARD, "complaints_do_not_stop_what_the_law_wants_told"),
        ),
    ),
    "F35": (
        "whatever happens to Prefect, the ledger says what is due, and the sweep repairs the schedule",
        (
            *at("e2e/test_up.py", "a_lead_tells_everybody_though_everything_is_killed"),
            *at(MIRROR, "runs_stand_again_after_prefect_lost_its_database"),
            *at(MIRROR, "a_crashed_run_is_made_thrice_and_then_the_lead_is_told"),
            *at("flows/run/test_occurrence.py", "a_run_that_died_after_the_last_message_costs_no_follow_up"),
        ),
    ),
    "F36": (
        "a restored ledger sends nothing before it was compared with the relay's log",
        (
            *at(RECONCILING, "a_restored_ledger_sends_nothing", "what_no_log_tells_is_uncertain"),
            *at("ledger/store/test_marker_files.py", "a_backup_of_the_middle_of_a_page_is_known_as_one"),
            *at("ledger/store/test_copied.py", "a_machine_that_is_new_to_it_sends_nothing"),
            *at(RECONCILING, "with_a_complete_log_only_those_who_were_not_told_are_told"),
            *at("cli/deliver/test_stop_and_reconcile.py", "a_log_tells_a_restored_ledger_what_had_left"),
        ),
    ),
    "F37": (
        "without the key, or with another one, it refuses to start, and nothing is written in clear",
        (
            *at(HERE, "without_the_right_key_nothing_leaves_and_the_reason_is_said"),
            *at(SEALING, "a_ledger_refuses_another_master_key", "a_key_file_that_holds_no_key_is_refused"),
            *at("ledger/incident/test_incidents.py", "nothing_personal_can_be_read_in_the_files_of_the_database"),
            *at("cli/home/test_init_and_doctor.py", "another_key_fails"),
        ),
    ),
    "F38": (
        "the public forms run in a process of their own, at a lower priority than a send, and are held at limits",
        (
            *at("web/portal/test_portal_process.py", "the_portal_serves_pages_and_prints_no_link"),
            *at("web/http/test_post_limits.py", "a_flood_from_everywhere_is_held_at_the_common_limit"),
            *at("web/http/test_post_limits.py", "a_flood_does_not_use_up_its_minute_at_once"),
            *at("web/http/test_post_limits.py", "one_who_floods_does_not_use_up_what_all_may_send"),
            *at(FLOOD, "a_flooded_portal_loses_no_person_and_no_question_it_took"),
        ),
    ),
    "F39": (
        "`amends stop` ends a send within a second, on every machine; it goes on where it stopped",
        (
            *at(HERE, "after_amends_stop_nothing_arrives_and_the_send_can_go_on"),
            *at(ENGINE, "a_pause_stops_a_run_at_the_next_message", "who_cancels_a_run_leaves_no_message_in_doubt"),
            *at("cli/deliver/test_stop_and_reconcile.py", "a_stopped_incident_sends_nothing_until_it_is_resumed"),
        ),
    ),
}
"""What Amends does in each fault, and the tests that show it."""

NOT_YET = (
    "F38 NOT YET: a send that takes all cores, as its relay answers at once, keeps 87 to 95 % of its rate in a flood",
)
"""What a row asks for and Amends does not do; a row without any test must stand here."""


def test_every_row_has_its_behaviour_and_tests_that_exist() -> None:
    print(*NOT_YET, sep="\n")  # noqa: T201 - pytest shows it with -rP
    assert list(FAULTS) == [f"F{number}" for number in range(1, 40)]
    named = {test for _, tests in FAULTS.values() for test in tests}
    assert named - {f"tests/{file}::{name}" for file in _files(named) for name in _tests_in(file)} == set()
    assert all(behaviour for behaviour, _ in FAULTS.values())
    ours = {name for name in _tests_in(HERE) if name.startswith("test_")} - ABOUT_THE_TABLE
    assert {f"tests/{HERE}::{name}" for name in ours} <= named


def test_what_is_not_there_yet_is_exactly_what_is_known_to_be_missing() -> None:
    rows = [entry.partition(" NOT YET: ")[0] for entry in NOT_YET]
    assert rows == ["F38"]
    assert all(tests for _, tests in FAULTS.values())


ABOUT_THE_TABLE = {
    "test_every_row_has_its_behaviour_and_tests_that_exist",
    "test_what_is_not_there_yet_is_exactly_what_is_known_to_be_missing",
}


def _files(named: set[str]) -> set[str]:
    return {test.removeprefix("tests/").partition("::")[0] for test in named}


def _tests_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


# The world of these tests.


def people(count: int, address: str = "kim{}@mail.example", first: int = 1) -> list[Any]:
    return [a_person(number=number, email=address.format(number)) for number in range(first, first + count)]


def everybody(count: int) -> Counter[str]:
    """Each of them once."""
    return Counter(person.email for person in people(count))


def email(rig: Rig, **changes: str) -> None:
    """Send through another relay, or in another way."""
    rig.settings[EMAIL] = rig.settings[EMAIL] | changes


@asynccontextmanager
async def serving(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that talks so; its port."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield str(server.sockets[0].getsockname()[1])
    finally:
        server.close()


@asynccontextmanager
async def scripted(rig: Rig, replies: dict[str, str], **changes: str) -> AsyncIterator[ScriptedSmtp]:
    """For a while there is only a relay that says this."""
    usual, relay = dict(rig.settings[EMAIL]), await ScriptedSmtp.start(replies)
    email(rig, port=str(relay.port), **changes)
    try:
        yield relay
    finally:
        relay.stop()
        rig.settings[EMAIL] = usual


def nobody_was_told(rig: Rig) -> bool:
    return rig.mailed() + rig.texted() == [] and set(rig.states().values()) <= {"waiting", "deferred"}


# F1, F2: the relay is not there.


async def test_a_relay_that_cannot_be_reached_is_left_alone_and_named(rig: Rig) -> None:
    approved(rig.ledger, people(100), channels=EMAIL_FIRST)
    came: list[int] = []

    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serving(reset) as port:
        email(rig, port=port)
        tally = await rig.send()
    assert "127.0.0.1" in tally.trouble[EMAIL]
    assert 1 < len(came) <= BEFORE_GIVEN_UP + FIRST_LANES
    assert nobody_was_told(rig)


def test_a_relay_with_an_unknown_name_is_named_and_everybody_waits(rig: Rig) -> None:
    """A relay whose host name leads nowhere is named as the trouble, and everybody waits."""
    approved(rig.ledger, people(30), channels=EMAIL_FIRST)
    email(rig, host="relay.invalid", security="starttls")
    assert "relay.invalid" in rig.run().trouble[EMAIL]
    assert nobody_was_told(rig)


@pytest.mark.parametrize("replies", [{"CONNECT": ""}, {"CONNECT": "421 4.3.2 busy"}], ids=str)
async def test_nobody_is_given_up_because_the_relay_was_away_for_days(rig: Rig, replies: dict[str, str]) -> None:
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    async with scripted(rig, replies):
        for _ in range(8):
            await rig.send()
            rig.clock.forward(timedelta(hours=12))
    await rig.send()
    assert Counter(rig.mailed()) == everybody(3)
    assert rig.texted() == []


@pytest.mark.parametrize(
    "replies", [{"CONNECT": "421 4.3.2 busy"}, {"CONNECT": "554 5.3.2 not you"}, {"EHLO": "502 5.5.1 what"}], ids=str
)
async def test_a_relay_that_turns_us_away_at_the_door_hears_of_nobody(rig: Rig, replies: dict[str, str]) -> None:
    approved(rig.ledger, people(100), channels=EMAIL_FIRST)
    async with scripted(rig, replies) as relay:
        tally = await rig.send()
    assert (reply := next(iter(replies.values())).partition(" ")[0]) in tally.trouble[EMAIL], reply
    assert relay.connections <= BEFORE_GIVEN_UP + FIRST_LANES
    assert not [line for line in relay.heard if line.startswith(("MAIL", "RCPT"))]
    assert nobody_was_told(rig)


# F3, F4: encryption and login.


@dataclass
class Wiretap:
    """A relay with this answer to STARTTLS, which keeps every byte that it hears."""

    offer: str
    answer: bytes
    heard: bytes = b""
    connections: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._dialogue(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 tapped\r\n")
        while heard := await reader.read(4096):
            self.heard += heard
            if heard.startswith(b"EHLO"):
                writer.write(f"250-tapped\r\n250 {self.offer}\r\n".encode())
            elif heard.startswith(b"STARTTLS"):
                writer.write(self.answer)
            else:
                writer.write(b"250 this is no TLS at all\r\n")
                return


@pytest.mark.parametrize(
    ("offer", "answer"),
    [("8BITMIME", b""), ("STARTTLS", b"454 4.7.0 not now\r\n"), ("STARTTLS", b"220 go\r\n")],
    ids=["missing", "refused", "broken"],
)
async def test_without_a_sound_encryption_not_a_word_about_anybody_leaves(rig: Rig, offer: str, answer: bytes) -> None:
    approved(rig.ledger, people(50), channels=EMAIL_FIRST)
    tap = Wiretap(offer, answer)
    async with serving(tap.talk) as port:
        email(rig, port=port, host="localhost", security="starttls", username="amends", password="rehearsal")
        tally = await rig.send()
    assert "TLS" in tally.trouble[EMAIL]
    assert 0 < tap.connections <= BEFORE_GIVEN_UP + FIRST_LANES
    assert not any(word in tap.heard for word in (b"MAIL", b"RCPT", b"AUTH", b"mail.example", b"Kim"))
    assert nobody_was_told(rig)


def a_certificate(path: Path, name: str, *, days: int) -> Path:
    """A certificate for this name with its key, which vouches for itself and ends in so many days."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=days)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return path


@contextmanager
def encrypted(rig: Rig, folder: Path, name: str = "localhost", days: int = 1) -> Iterator[MailServer]:
    """A relay with such a certificate and passwords, and settings that trust it."""
    certificate = a_certificate(folder / "relay.pem", name, days=days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    username, password = CREDENTIALS
    with MailServer(folder / "encrypted", tls=context, passwords=True) as relay:
        email(rig, port=str(relay.port), host="localhost", security="starttls", ca_file=str(certificate))
        email(rig, username=username, password=password)
        yield relay


@pytest.mark.parametrize(
    ("name", "days"), [("elsewhere.example", 1), ("localhost", -1)], ids=["for another name", "expired"]
)
def test_a_certificate_not_the_relays_stops_the_channel_at_once(rig: Rig, tmp_path: Path, name: str, days: int) -> None:
    """A certificate that is expired or for another name stops the channel at once, and nobody is told."""
    approved(rig.ledger, people(50), channels=EMAIL_FIRST)
    with encrypted(rig, tmp_path, name, days) as relay:
        tally = rig.run()
        assert "certificate not accepted" in tally.trouble[EMAIL]
        assert relay.connections <= FIRST_LANES
        assert relay.arrived == []
    assert nobody_was_told(rig)


def test_a_sound_certificate_and_right_password_let_everything_out(rig: Rig, tmp_path: Path) -> None:
    """With a sound certificate and the right password, every message is sent."""
    approved(rig.ledger, people(50), channels=EMAIL_FIRST)
    with encrypted(rig, tmp_path) as relay:
        assert rig.run().finished
        assert len(relay.arrived) == 50


def test_a_wrong_password_is_tried_by_the_first_lanes_and_no_more(rig: Rig, tmp_path: Path) -> None:
    """A wrong password is tried by the first connections and then no more; the trouble names the relay's answer."""
    approved(rig.ledger, people(50), channels=EMAIL_FIRST)
    with encrypted(rig, tmp_path) as relay:
        email(rig, password="guess")
        tally = rig.run()
        assert "535" in tally.trouble[EMAIL]
        greeted_twice = 2  # before and after the encryption
        assert relay.connections <= greeted_twice * FIRST_LANES
    assert nobody_was_told(rig)


async def test_a_deferred_login_is_tried_again_and_everybody_is_told(rig: Rig) -> None:
    """A login that the relay puts off is tried again a minute later, and then everybody is told."""
    approved(rig.ledger, people(20), channels=EMAIL_FIRST)
    login = {"EHLO": "250-scripted\r\n250 AUTH PLAIN", "AUTH": "454 4.7.0 later"}
    async with scripted(rig, login, username="amends", password="rehearsal") as relay:
        assert "454" in (await rig.send()).trouble[EMAIL]
        assert nobody_was_told(rig)
        relay.replies["AUTH"] = "235 2.7.0 welcome"
        rig.clock.forward(timedelta(minutes=1))
        assert (await rig.send()).finished
        assert len(relay.contents) == 20


# F5, F6, F9: not so much, not now.


@dataclass
class Crowd:
    """How many messages are under way at a relay that takes only so many at once."""

    room: int
    now: int = 0
    answers: list[bool] = field(default_factory=list)
    """Whether there was room, for each that came."""


class CrowdedRelay(MailServer):
    """Says 452 to whoever comes while it has too much to do."""

    def __init__(self, folder: Path, room: int) -> None:
        super().__init__(folder)
        self.crowd = Crowd(room)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        self.crowd.answers.append(self.crowd.now < self.crowd.room)
        if not self.crowd.answers[-1]:
            return "452 4.3.1 Too much to do"
        self.crowd.now += 1
        return await super().handle_MAIL(server, session, envelope, address, options)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        try:
            return await super().handle_DATA(server, session, envelope)
        finally:
            self.crowd.now -= 1


def test_a_crowded_relay_gets_less_and_everybody_is_told(rig: Rig, tmp_path: Path) -> None:
    """A relay that has too much to do gets fewer messages at once, and everybody is told once."""
    approved(rig.ledger, people(400, "kim{0}@at{0}.example"), channels=EMAIL_FIRST)
    with CrowdedRelay(tmp_path / "crowded", room=8) as relay:
        relay.delay = 0.02
        email(rig, port=str(relay.port), connections="32")
        first = rig.run()
        refused = relay.crowd.answers.count(False)
        assert EMAIL not in first.trouble
        assert 0 < refused == first.answers[Status.DEFERRED]
        assert refused < 400 // 5, "32 connections that do not slow down meet far more refusals"
        relay.crowd.room = 400
        rig.clock.forward(timedelta(minutes=10))
        assert rig.run().finished
        assert len(relay.arrived) == len({arrived.recipients[0] for arrived in relay.arrived}) == 400


@pytest.mark.parametrize("reply", ["450 4.2.0 greylisted", "452 4.2.2 full", "552 5.2.2 full"])
async def test_a_person_deferred_for_three_days_gets_the_next_channel(rig: Rig, reply: str) -> None:
    """A person whose email is put off for three days is written to on the next channel."""
    approved(rig.ledger, people(1), channels=EMAIL_FIRST)
    half_a_day = timedelta(hours=12)
    async with scripted(rig, {"RCPT": reply}):
        for _ in range(6):
            await rig.send()
            assert (rig.states(), rig.texted()) == ({1: "deferred"}, [])
            rig.clock.forward(half_a_day)
        tally = await rig.send()
    assert (rig.states(), rig.texted()) == ({1: "failed"}, [a_person(number=1).phone])
    assert tally.people == {PersonState.SENT: 1}


# F10, F12, F13: around the content.


@pytest.mark.parametrize("replies", [{"DATA": "451 4.3.0 no"}, {"DATA": "250 what"}, {"DOT": "451 4.3.0 no"}], ids=str)
async def test_what_goes_wrong_around_the_content_goes_out_later_and_once(rig: Rig, replies: dict[str, str]) -> None:
    approved(rig.ledger, people(30), channels=EMAIL_FIRST)
    async with scripted(rig, replies):
        await rig.send()
    assert nobody_was_told(rig)
    rig.clock.forward(timedelta(minutes=10))
    assert (await rig.send()).finished
    assert Counter(rig.mailed()) == everybody(30)


def test_a_line_that_breaks_in_the_content_loses_and_repeats_nobody(rig: Rig) -> None:
    """When connections break within the content of messages, nobody is lost and nobody is told twice."""
    approved(rig.ledger, people(60), channels=EMAIL_FIRST)
    rig.mail.faults = Faults({SmtpStage.BODY: 0.3})
    rig.run()
    assert rig.mail.gone_wrong[SmtpStage.BODY] > 0
    rig.mail.faults = Faults()
    rig.clock.forward(timedelta(minutes=10))
    rig.run()
    unsure = Counter(f"kim{person}@mail.example" for person, state in rig.states().items() if state == "uncertain")
    assert Counter(rig.mailed()) + unsure == everybody(60)


async def mark_while_the_line_breaks(port: int, wait: Callable[[], Awaitable[None]]) -> Receipt:
    """The relay hangs up within the content; the mark of the message takes this long."""
    settings = {"host": "127.0.0.1", "port": str(port), "security": "none", "command_timeout": "5"}
    channel = email_smtp.connect(settings | {"sender": "care@bank.test", "bounce_domain": "bounces.bank.test"})
    try:
        return await deliver(channel, a_message(), wait)
    finally:
        await channel.close()


@pytest.fixture(params=[True, False], ids=["chunks", "dots"])
def breaking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MailServer]:
    """A relay that always hangs up within the content."""
    with MailServer(tmp_path / "breaking", chunking=request.param, faults=Faults({SmtpStage.BODY: 1.0})) as server:
        yield server


async def test_a_line_that_broke_before_the_mark_was_kept_is_no_doubt(breaking: MailServer) -> None:
    receipt = await mark_while_the_line_breaks(breaking.port, lambda: asyncio.sleep(0.1))
    assert (receipt.status, receipt.retry_after) == (Status.DEFERRED, 0)


async def test_a_line_that_broke_while_the_commit_was_made_is_no_doubt(breaking: MailServer) -> None:
    async def commit() -> None:
        time.sleep(0.1)  # as the group_commit does: it commits in the thread of the event loop

    assert (await mark_while_the_line_breaks(breaking.port, commit)).status is Status.DEFERRED


class SlowToMark(Ledger):
    """A ledger on a busy disk: each commit stops everything for a while, and the relay hangs up meanwhile."""

    def __init__(self, *opened_with: Any) -> None:
        super().__init__(*opened_with)
        record = self.deliveries.record

        def slowly(leaving: Sequence[Claim], *rest: Any) -> frozenset[int]:
            time.sleep(0.2 if leaving else 0)
            return record(leaving, *rest)

        self.deliveries.record = slowly


def test_a_hangup_while_marks_are_kept_leaves_nobody_in_doubt(rig: Rig, breaking: MailServer, tmp_path: Path) -> None:
    """When the relay hangs up while the marks of messages are being kept, the messages are deferred.

    None of them is uncertain.
    """
    approved(rig.ledger, people(4), channels=EMAIL_FIRST)
    email(rig, port=str(breaking.port))
    slow = SlowToMark(sqlite_url(tmp_path), Keys(b"m" * 32), tmp_path / "audit-head")
    replace(rig, ledger=slow).run()
    assert breaking.gone_wrong[SmtpStage.BODY] > 0
    assert set(rig.states().values()) == {"deferred"}
    slow.dispose()


@pytest.mark.parametrize("farewell", ["", "421 4.3.2 closing", "what?"])
async def test_a_message_that_was_taken_is_sent_although_the_quit_fails(rig: Rig, farewell: str) -> None:
    """A message that the relay took counts as sent although the leave-taking (QUIT) fails."""
    approved(rig.ledger, people(20), channels=EMAIL_FIRST)
    async with scripted(rig, {"QUIT": farewell}) as relay:
        tally = await rig.send()
    assert tally.people == {PersonState.SENT: 20}
    assert (len(relay.contents), relay.heard[-1]) == (20, "QUIT")


def test_a_text_refused_for_three_in_a_row_reaches_nobody_else(rig: Rig) -> None:
    """A text that the relay refuses for three people in a row stops the channel.

    The trouble says that it is the template, and almost nobody else is written to.
    """
    approved(rig.ledger, [*people(30), *people(200, "content{}@mail.example", 31)], channels=EMAIL_FIRST)
    tally = rig.run()
    refused = Counter(rig.states().values())["failed"]
    assert "it is the template" in tally.trouble[EMAIL]
    assert STOP_AFTER_CONTENT <= refused <= MOST_FIRST, "answers about those before them may come in between"
    assert not tally.finished


def test_a_text_refused_for_one_person_goes_to_the_next_channel(rig: Rig) -> None:
    """A text that the relay refuses for one person concerns that person alone.

    The next channel takes over for the person, and all others are told by email.
    """
    one = a_person(number=20, email="content20@mail.example")
    approved(rig.ledger, [*people(19), one, *people(19, first=21)], channels=EMAIL_FIRST)
    tally = rig.run()
    assert tally.finished
    assert (rig.states()[20], rig.texted(), len(rig.mailed())) == ("failed", [one.phone], 38)


# F15, F18: one message in trouble.


class DrippingRelay(MailServer):
    """Says a byte at a time, and never a whole line, to what concerns an address with `drip` in it."""

    def __init__(self, folder: Path, at_the_dot: bool) -> None:
        super().__init__(folder)
        self.at_the_dot = at_the_dot
        self.began, self.others_at = 0.0, list[float]()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if "drip" in address and not self.at_the_dot:
            await self._drip(server)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if "drip" in envelope.rcpt_tos[0]:
            await self._drip(server)
        else:
            self.others_at.append(time.monotonic())
        return await super().handle_DATA(server, session, envelope)

    async def _drip(self, server: Any) -> None:
        self.began = self.began or time.monotonic()
        for byte in b"250-" + b"patience " * 20:
            if server.transport is None or server.transport.is_closing():
                break
            server.transport.write(bytes([byte]))
            await asyncio.sleep(0.1)  # far more often than the time of a command


def dripped_on(rig: Rig, folder: Path, *, at_the_dot: bool) -> tuple[Tally, DrippingRelay, float]:
    """A run in which one of many is dripped on; the relay, and when the run ended."""
    drip = a_person(number=100, email="drip@mail.example")
    approved(rig.ledger, [*people(30), drip, *people(70, first=101)], channels=EMAIL_FIRST)
    with DrippingRelay(folder / "dripping", at_the_dot) as relay:
        relay.delay = 0.005
        email(rig, port=str(relay.port), command_timeout="1", final_timeout="1")
        return rig.run(), relay, time.monotonic()


def test_a_relay_that_drips_one_reply_holds_up_that_message_alone(rig: Rig, tmp_path: Path) -> None:
    tally, relay, ended = dripped_on(rig, tmp_path, at_the_dot=False)
    assert (rig.states()[100], tally.answers[Status.DEFERRED]) == ("deferred", 1)
    assert len(relay.arrived) == 100
    assert max(relay.others_at) < relay.began + 1, "the others went out while one was waited for"
    assert ended < relay.began + 4, "one second for the command, and one on a fresh connection"


def test_a_relay_that_drips_its_answer_leaves_one_message_in_doubt(rig: Rig, tmp_path: Path) -> None:
    """A relay that drips its answer to the final dot leaves that message alone in doubt.

    At most the next message on the same connection is held up.
    """
    _, relay, ended = dripped_on(rig, tmp_path, at_the_dot=True)
    assert Counter(rig.states().values()) == {"sent": 100, "uncertain": 1}
    held_up = [at for at in relay.others_at if at > relay.began + 1]
    assert len(held_up) <= 1, "none but the one whose envelope was said behind the dot, on the same connection"
    assert ended < relay.began + 4


def no_words_for_one(rig: Rig) -> None:
    """One person of four whose message cannot be put together, by what happened after the approval."""
    approved(rig.ledger, people(4), channels=EMAIL_FIRST, cascade=(ChannelKind.SMS,))
    rig.ledger.notices.release(INCIDENT, NOTICE, rig.clock())
    name_text(rig, "en/nobody")


def name_text(rig: Rig, name: str) -> None:
    """Which text the second person gets."""
    with rig.ledger.store.write() as write:
        write.change(update(DeliveryRow).where(col(DeliveryRow.person) == 2).values(variant=name))


def strike_three_times(rig: Rig) -> Tally:
    for _ in range(3):
        tally = rig.run()
        rig.clock.forward(timedelta(hours=1))
    return tally


def test_a_message_that_cannot_be_composed_is_parked_after_3_tries(rig: Rig) -> None:
    """A message that cannot be put together is parked after three tries, with its cause, and the others are sent."""
    no_words_for_one(rig)
    tally = strike_three_times(rig)
    (parked,) = (line for line in rig.ledger.statistics.lines(INCIDENT, NOTICE) if line.person == 2)
    assert (parked.state, parked.attempts) == ("parked", 3)
    assert (parked.cause, parked.reason) == (ReceiptCause.FAULT, f"fault {parked.detail}")
    assert tally.people == {PersonState.SENT: 3, PersonState.HELD: 1}
    assert rig.mailed() == ["kim1@mail.example", "kim3@mail.example", "kim4@mail.example"]


def test_a_notice_with_a_parked_message_waits_for_a_decision(rig: Rig) -> None:
    """A notice with a parked message is not finished before a team member decides about the message."""
    no_words_for_one(rig)
    tally = strike_three_times(rig)
    assert (tally.finished, tally.parked) == (False, 1)
    assert not rig.run().finished
    name_text(rig, "en/self")
    rig.ledger.decisions.try_parked(INCIDENT, NOTICE, 2, a_member(), rig.clock())
    assert rig.run().finished
    assert Counter(rig.mailed()) == everybody(4)


def test_a_parked_message_does_not_hold_up_what_follows_the_notice(rig: Rig) -> None:
    no_words_for_one(rig)
    strike_three_times(rig)
    (notice,) = rig.ledger.cases.read(INCIDENT).notices
    assert notice.has_gone


def test_who_is_parked_and_given_up_is_written_to_on_the_next_channel(rig: Rig) -> None:
    no_words_for_one(rig)
    strike_three_times(rig)
    name_text(rig, "en/self")
    rig.ledger.decisions.give_up_parked(INCIDENT, NOTICE, 2, a_member(), rig.clock())
    assert rig.run().finished
    assert rig.texted() == ["+493055500002"]
    assert rig.states()[2] == "failed"


# F20, F21: the ledger cannot be written.


@dataclass
class Disk:
    """Where the ledger is, and the sender that writes it."""

    folder: Path
    sender: BaseProcess

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.sqlite3"


@contextmanager
def limited(disk: Disk) -> Iterator[None]:
    """The kernel lets the sender write no file beyond its first byte."""
    pid, unlimited = disk.sender.pid or 0, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        if disk.sender.is_alive():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@contextmanager
def unchangeable(disk: Disk) -> Iterator[None]:
    """The file system takes no change of the ledger, from nobody."""
    files = [str(disk.ledger), f"{disk.ledger}-wal"]
    if not shutil.which("chattr") or subprocess.run(["chattr", "+i", *files], check=False, stderr=-3).returncode:
        disk.sender.kill()
        pytest.skip("only root can make a file unchangeable, and only on some file systems")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


@contextmanager
def locked(disk: Disk) -> Iterator[None]:
    """Somebody else is writing, for longer than anybody waits at a time."""
    with closing(sqlite3.connect(disk.ledger, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


Trouble = Callable[[Disk], Any]
SHORT_WAIT = 0.2
"""What stands for the fifteen seconds that a locked ledger is waited for at a time."""
MANY = 300


def send_with_short_waits(messages: Errand, page: int) -> None:
    """In a process of its own: one run of the engine."""
    database.BUSY_SECONDS = SHORT_WAIT
    group_commit.RETRY_SECONDS = 0.1
    pace.PAGE, engine.RENEW_SECONDS = page, 0.2
    run(messages)


def test_a_full_disk_is_called_full_by_who_opens_the_ledger(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "small") as small:
        file = small / "ledger.sqlite3"
        with closing(sqlite3.connect(file)) as kept:
            kept.execute("PRAGMA journal_mode=WAL")
        with (small / "fill").open("wb", buffering=0) as fill, suppress(OSError):
            while fill.write(bytes(4096)):
                pass
        opened = a_ledger(f"sqlite:///{file}", small)
        with pytest.raises(DiskFull, match="make room"):
            opened.incidents.all()
        opened.dispose()


@pytest.mark.full
@pytest.mark.parametrize("trouble", [limited, unchangeable, locked])
def test_nothing_is_sent_while_the_ledger_cannot_be_written(tmp_path: Path, trouble: Trouble) -> None:
    """While the ledger cannot be written no message is sent; then the same run goes on and tells everybody once."""
    with MailServer(tmp_path / "mail") as mail:
        disk = a_sender(tmp_path, tmp_path, mail)
        nothing_leaves_during(trouble, disk, mail)
        lease, again = latest_lease(disk.ledger), datetime.now(UTC)
        wait_until(lambda: held_until(disk.ledger, lease) > again + LEASE)
        disk.sender.join(30)
        assert disk.sender.exitcode == 0
        assert Counter(arrived.recipients[0] for arrived in mail.arrived) == everybody(MANY)
        check_told(tmp_path)


@pytest.mark.full
def test_a_run_that_needs_a_page_of_a_locked_ledger_goes_on(tmp_path: Path) -> None:
    """A run that needs its next page while the ledger is locked goes on once the ledger is free."""
    with MailServer(tmp_path / "mail") as mail:
        disk = a_sender(tmp_path, tmp_path, mail, page=5)
        nothing_leaves_during(locked, disk, mail)
        disk.sender.join(30)
        assert disk.sender.exitcode == 0


def nothing_leaves_during(trouble: Trouble, disk: Disk, mail: MailServer) -> None:
    wait_until(lambda: len(mail.arrived) > 50)
    with trouble(disk):
        kept = settled(lambda: marked(disk.ledger))  # of these the last still arrive
        time.sleep(0.8)
        assert numbers(mail) <= kept, "nobody is written to without a mark"
        assert marked(disk.ledger) == kept, "nothing can be marked"


def settled(look: Callable[[], set[int]]) -> set[int]:
    """Return what is found once half a second changes nothing: a commit may have been under way."""
    found: set[int] | None = None
    while found != (found := look()):
        time.sleep(0.5)
    return found


def looked_up(ledger: Path, query: str, *values: object) -> Any:
    """The one value that this query finds."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        return (database.execute(query, values).fetchone() or (None,))[0]


def latest_lease(ledger: Path) -> Any:
    return looked_up(ledger, "SELECT max(id) FROM lease")


def held_until(ledger: Path, lease: int) -> datetime:
    """Until when the sender holds what it has in hand."""
    until = looked_up(ledger, "SELECT until FROM lease WHERE id = ?", lease)
    return datetime.fromisoformat(until or "2000-01-01").replace(tzinfo=UTC)


def a_sender(folder: Path, tmp_path: Path, mail: MailServer, page: int = 1000) -> Disk:
    """A notice to many people in a ledger in this folder, and a process that is sending it."""
    ledger = a_ledger(sqlite_url(folder), folder).migrate()
    approved(ledger, people(MANY), channels=EMAIL_FIRST)
    ledger.dispose()
    mail.delay = 0.03
    patient = {"command_timeout": "60", "final_timeout": "60"}
    settings = channel_settings(mail.port, "http://127.0.0.1:1", tmp_path, **patient)
    settings[ChannelKind.SOCIAL] = {"use": "outbox", "kind": "social", "folder": str(tmp_path / "posts")}
    messages = Errand(sqlite_url(folder), folder, settings, timedelta())
    sender = PROCESSES.Process(target=send_with_short_waits, args=[messages, page], daemon=True)
    sender.start()
    return Disk(folder, sender)


def check_told(folder: Path) -> None:
    ledger = a_ledger(sqlite_url(folder), folder)
    try:
        assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: MANY}
        assert ledger.audit.verify() == ()
    finally:
        ledger.dispose()


def numbers(mail: MailServer) -> set[int]:
    """The people whose messages have arrived."""
    return {int(arrived.recipients[0].removeprefix("kim").partition("@")[0]) for arrived in list(mail.arrived)}


def marked(ledger: Path) -> set[int]:
    """The people whose messages may have left, by the marks that are on disk and the answers."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
        marks = [number for (row,) in database.execute("SELECT messages FROM mark") for number in json.loads(row)]
        query = "SELECT person FROM delivery WHERE state = 'sent' OR id IN (SELECT value FROM json_each(?))"
        return {person for (person,) in database.execute(query, (json.dumps(marks),))}


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@pytest.mark.full
def test_a_ledger_on_a_disk_that_is_read_only_sends_nothing(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "disk") as folder, MailServer(tmp_path / "mail") as mail:
        a_ledger(sqlite_url(folder), folder).migrate().dispose()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(LedgerUnavailable, match="Read-only"):
            a_ledger(sqlite_url(folder), folder)
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        disk = a_sender(folder, tmp_path, mail)
        disk.sender.join(30)
        assert len(mail.arrived) == MANY


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A notice to many people, in a ledger with little room."""
    monkeypatch.setattr(group_commit, "RETRY_SECONDS", 0.1)
    servers = MailServer(tmp_path / "mail"), WebServices(tmp_path / "web")
    with small_file_system(tmp_path / "disk") as folder, servers[0] as mail, servers[1] as web:
        mail.delay = 0.01
        ledger = a_ledger(sqlite_url(folder), folder).migrate()
        approved(ledger, people(MANY), channels=EMAIL_FIRST)
        yield Rig(ledger, mail, web, channel_settings(mail.port, web.url, tmp_path))
        ledger.dispose()


def beside(rig: Rig, name: str) -> Path:
    """A file in the folder of the ledger."""
    return Path(rig.ledger.store.engine.url.database or "").with_name(name)


def once_begun(act: Callable[[], None]) -> Callable[[Tally], None]:
    """Do this once, when some of the messages have gone."""
    acts = [act]
    return lambda tally: acts.pop()() if acts and tally.answers[Status.SENT] > 50 else None


def ended_cleanly(rig: Rig) -> bool:
    """Everything is written down: who was told is noted, all others wait, and nothing is left open."""
    told = Counter(rig.states().values())
    marks = looked_up(beside(rig, "ledger.sqlite3"), "SELECT count(*) FROM mark")
    return told == {"sent": len(rig.mailed()), "waiting": MANY - len(rig.mailed())} and marks == 0


def test_a_full_disk_ends_the_run_in_order_and_says_what_to_do(small: Rig) -> None:
    """On a full disk the run writes down what is in hand, gives up the reserve, and ends by saying to make room."""
    tally = small.run(once_begun(lambda: fill_up(beside(small, "filler"))))
    assert "the disk with the ledger is full: make room" in tally.trouble["disk"]
    assert 50 < len(small.mailed()) < MANY
    assert ended_cleanly(small)
    assert not beside(small, "ledger.sqlite3.reserve").exists()


def test_nothing_is_sent_before_a_full_disk_has_room_again(small: Rig) -> None:
    """After the disk was full, nothing is sent before there is room again.

    Then everybody is told once, and the reserve is put back.
    """
    small.run(once_begun(lambda: fill_up(beside(small, "filler"))))
    told = small.mailed()
    assert "make room" in small.run().trouble["disk"]
    assert [stop.part for stop in small.ledger.views.timeline(INCIDENT).stopped_sends] == ["disk"]
    assert small.mailed() == told
    beside(small, "filler").unlink()
    assert small.run().finished
    assert small.ledger.views.timeline(INCIDENT).stopped_sends == ()
    assert Counter(small.mailed()) == everybody(MANY)
    assert beside(small, "ledger.sqlite3.reserve").exists()


EMAILS_MARKED = """
SELECT count(*) FROM delivery
WHERE channel = 'email' AND id IN (SELECT value FROM mark, json_each(mark.messages))
"""


def test_a_send_stops_when_another_process_has_found_the_disk_full(small: Rig) -> None:
    marked: list[int] = []

    def found_full() -> None:
        beside(small, "ledger.sqlite3.reserve").unlink()
        marked.append(looked_up(beside(small, "ledger.sqlite3"), EMAILS_MARKED))

    tally = small.run(once_begun(found_full))
    assert "make room" in tally.trouble["disk"]
    assert [len(small.mailed())] == marked, "what was marked before left, and nothing else"
    assert len(small.mailed()) < MANY
    assert ended_cleanly(small)


def test_an_act_on_a_full_disk_is_kept_although_it_cannot_be_noted(tmp_path: Path, small: Rig) -> None:
    """On a full disk an act is kept although its note beside the ledger cannot be written.

    Once there is room, the audit chain is in order, and no half-written note is left.
    """
    fill_up(beside(small, "filler"))
    ledger = Ledger(sqlite_url(tmp_path), small.ledger.store.keys, anchor=beside(small, "another-head")).migrate()
    ledger.incidents.open(an_incident(), people(1), "lena", small.clock())
    beside(small, "filler").unlink()
    ledger.alerts.record(INCIDENT, an_alert("there is room again", small.clock()))
    assert ledger.audit.verify() == ()
    assert {path.name for path in tmp_path.glob("disk/another-head*")} == {"another-head", "another-head.lock"}
    ledger.dispose()


def test_the_portal_is_not_healthy_while_its_ledgers_disk_is_full(tmp_path: Path, small: Rig) -> None:
    client = TestClient(create_app(Settings(home=tmp_path, public_url="https://betapai.example"), small.ledger))
    assert client.get("/healthz").text == "ok"
    fill_up(beside(small, "filler"))
    assert client.get("/healthz").status_code == 503
    beside(small, "filler").unlink()
    assert client.get("/healthz").text == "ok"


# F37, F39: the key, and the brake.


@pytest.mark.parametrize(("key", "said"), [("", "is not there"), ("eHh4" * 10 + "eHg=", "not the one")])
def test_without_the_right_key_nothing_leaves_and_the_reason_is_said(office: Office, key: str, said: str) -> None:  # noqa: F811
    approve(office, "omar", "wei")
    file = office.home / "keys" / "master.key"
    right = file.read_text()
    file.unlink()
    if key:
        file.write_text(key)
    before = set(office.home.rglob("*"))
    answer = office.amends("deliver", OFFICE_INCIDENT, NOTICE)
    assert (answer.exit_code, said in answer.output) == (Exit.ERROR, True), answer.output
    assert set(office.home.rglob("*")) - before <= set(office.home.glob("ledger.sqlite3-*")), (
        "every channel is an outbox"
    )
    file.write_text(right)
    assert office.amends("deliver", OFFICE_INCIDENT, NOTICE).exit_code == Exit.OK
    assert set(office.home.rglob("*")) > before


class TimedRelay(MailServer):
    """Remembers when each message had arrived whole."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.at: list[datetime] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.at.append(datetime.now(UTC))
        return await super().handle_DATA(server, session, envelope)


HOME = """
public_url = "https://betapai.example"
[channels.email]
use = "email_smtp"
host = "127.0.0.1"
port = "{port}"
security = "none"
sender = "care@betapai.example"
bounce_domain = "bounces.betapai.example"
[channels.sms]
use = "outbox"
kind = "sms"
folder = "{folder}/sms"
[channels.social]
use = "outbox"
kind = "social"
folder = "{folder}/social"
[channels.website]
use = "outbox"
kind = "website"
folder = "{folder}/website"
"""
AMENDS = str(Path(sys.executable).with_name("amends"))


@pytest.fixture
def home(empty: Office, tmp_path: Path) -> Office:  # noqa: F811
    """A home whose lead has an approved notice to many people."""
    empty.tokens["lena"] = empty.values("team", "add", "lena", "--role", "lead")["token"]
    ledger = empty.ledger()
    approved(ledger, people(MANY), channels=EMAIL_FIRST)
    ledger.dispose()
    return empty


def begin(home: Office, *command: str, hears: Callable[[], None] = hears_all) -> subprocess.Popen[bytes]:
    """This command in a process of its own."""
    environment = os.environ | {"AMENDS_HOME": str(home.home), "AMENDS_TOKEN": home.tokens["lena"]}
    return subprocess.Popen(
        [AMENDS, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=hears
    )


@pytest.mark.full
def test_after_amends_stop_nothing_arrives_and_the_send_can_go_on(home: Office, tmp_path: Path) -> None:
    """After `amends stop` has returned, no message arrives any more.

    Once the incident is resumed, the send goes on and tells everybody once.
    """
    with TimedRelay(tmp_path / "mail") as relay:
        relay.delay = 0.3
        (home.home / "amends.toml").write_text(HOME.format(port=relay.port, folder=tmp_path))
        sends = [begin(home, "deliver", INCIDENT, NOTICE) for _ in range(2)]
        wait_until(lambda: len(relay.at) > 30, seconds=120)
        stop = begin(home, "--json", "stop", INCIDENT, "--as", "lena")
        said, _ = stop.communicate(timeout=180)
        returned, arrived = datetime.now(UTC), len(relay.at)
        outputs = [send.communicate(timeout=180)[0].decode() for send in sends]
        assert json.loads(said)["unanswered"] == 0
        assert any("paused" in output for output in outputs), outputs
        assert max(relay.at) < min(written(home) + timedelta(seconds=5), returned)
        assert arrived == len(relay.at) == len(relay.arrived) < MANY
        relay.delay = 0.0
        assert home.amends("incident", "resume", INCIDENT, by="lena").exit_code == 0
        ended = begin(home, "deliver", INCIDENT, NOTICE)
        output, _ = ended.communicate(timeout=180)
        assert ended.returncode == 0, output
        assert Counter(arrived.recipients[0] for arrived in relay.arrived) == everybody(MANY)


# F22: somebody ends the sender.


@pytest.fixture
def slow_relay(home: Office, tmp_path: Path) -> Iterator[MailServer]:
    """What the home sends to; it takes a moment for each answer."""
    with MailServer(tmp_path / "mail") as relay:
        relay.delay = 0.3
        (home.home / "amends.toml").write_text(HOME.format(port=relay.port, folder=tmp_path))
        yield relay


def states(home: Office) -> Counter[str]:
    ledger = home.ledger()
    try:
        rows = ledger.statistics.lines(INCIDENT, NOTICE)
        return Counter(row.state.value for row in rows if row.channel is ChannelKind.EMAIL)
    finally:
        ledger.dispose()


ONE_EACH = [pytest.param((number,), marks=pytest.mark.full) for number in TERMINATION_SIGNALS]
ENDINGS = [*ONE_EACH, (signal.SIGINT,) * 3, (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.full
@pytest.mark.parametrize("pressed", ENDINGS, ids=str)
def test_ending_a_send_leaves_no_doubt_and_says_how_to_go_on(
    home: Office, slow_relay: MailServer, pressed: tuple[signal.Signals, ...]
) -> None:
    """Ending a send by a signal leaves no message in doubt, and the output names the command that sends the rest.

    The signals are those of a lost terminal, of a person in a hurry who presses Ctrl-C, and of systemd.
    """
    sending = begin(home, "deliver", INCIDENT, NOTICE)
    wait_until(lambda: len(slow_relay.arrived) > 30)
    assert sending.stdout
    said = b""
    for number in pressed:
        sending.send_signal(number)
        said += sending.stdout.readline()
    output = said + sending.communicate(timeout=180)[0]
    assert sending.returncode == 128 + pressed[0]
    assert f"`amends deliver {INCIDENT} {NOTICE}` sends what is left" in output.decode()
    assert states(home) == {"sent": len(slow_relay.arrived), "waiting": MANY - len(slow_relay.arrived)}


@pytest.mark.full
def test_a_send_that_was_started_with_nohup_outlives_its_terminal(home: Office, slow_relay: MailServer) -> None:
    sending = begin(home, "deliver", INCIDENT, NOTICE, hears=outlives_the_terminal)
    wait_until(lambda: len(slow_relay.arrived) > 30)
    sending.send_signal(signal.SIGHUP)
    slow_relay.delay = 0.0
    output, _ = sending.communicate(timeout=180)
    assert sending.returncode == 0, output
    assert states(home) == {"sent": MANY}


ONE_OF_THREE = [pytest.param(closed, marks=pytest.mark.full) for closed in ("<&-", ">&-", "2>&-")]


@pytest.mark.full
@pytest.mark.parametrize("closed", [*ONE_OF_THREE, "<&- >&- 2>&-", "2>&1 | true"])
def test_a_send_that_can_say_nothing_tells_everybody_all_the_same(
    home: Office, slow_relay: MailServer, closed: str
) -> None:
    """As when somebody starts it from a script, or looks at its first lines only."""
    slow_relay.delay = 0.0
    environment = os.environ | {"AMENDS_HOME": str(home.home)}
    call = ["sh", "-c", f'"$@" {closed}', "sh", AMENDS, "deliver", INCIDENT, NOTICE]
    subprocess.run(call, env=environment, capture_output=True, check=False, timeout=180)
    assert states(home) == {"sent": MANY}


def written(home: Office) -> datetime:
    """When the stop was written down."""
    ledger = home.ledger()
    try:
        (stopped,) = (entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "paused")
        return stopped.at
    finally:
        ledger.dispose()
