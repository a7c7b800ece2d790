"""Openings that an outlet puts over different news, and copies that only begin alike because they are copies."""

from __future__ import annotations

import pytest

from dedup.evidence import compare
from dedup.openings import opening
from dedup.profile import profile
from dedup.sides import Side

HELLO = "Good evening from the desk in Wexley, this is our daily letter for all who follow the region closely."
NOTE = "Orla Brandt writes on towns and taxes and has reported for this paper from nine provinces since 2004."


def side(title: str, text: str, source: str = "Wexley Post") -> Side:
    return Side(title, profile(title, text), "en", source, None)


def conflicts(a: Side, b: Side) -> tuple[str, ...]:
    return compare(a, b, cosine=None, scaled_cosine=None).conflicts


def test_an_opening_is_what_both_texts_begin_with() -> None:
    a = side("One", f"{HELLO} Divers found the bell of the Corvane off Skerry Point on Monday morning.")
    b = side("Two", f"{HELLO} Mayor Ilse Tarn wants a second tram line along the eastern embankment.")
    found = opening(a.profile, b.profile)
    assert found is not None
    assert found.words == len(HELLO.split())
    assert found.rest_a[0] == "divers"


def test_the_same_opening_over_other_news_separates() -> None:
    a = side("What to know tonight", f"{HELLO} Divers found the bell of the Corvane off Skerry Point on Monday.")
    b = side("What to know tonight", f"{HELLO} On Tuesday Mayor Ilse Tarn asked Delmar Rail for a second tram line.")
    assert "the same opening, then other news" in conflicts(a, b)
    assert conflicts(a, b) == conflicts(b, a)


def test_an_opening_that_is_all_there_is_leaves_the_headline_to_decide() -> None:
    a, b = side("Why harbour fees must fall", NOTE), side("Second chances for young offenders", NOTE)
    assert conflicts(a, b) == ("one opening of the outlet under unlike headlines",)
    # Another outlet that prints the same text under a headline of its own has copied it.
    assert conflicts(a, side("Second chances for young offenders", NOTE, "Delmar Herald")) == ()


def test_one_text_under_two_headlines_of_one_subject_is_not_separated() -> None:
    a, b = side("Harbour fees must fall, says Brandt", NOTE), side("Harbour fees must fall soon, says Brandt", NOTE)
    assert conflicts(a, b) == ()


@pytest.mark.parametrize("source", ["Wexley Post", "Delmar Herald"])
def test_an_edited_copy_goes_on_alike_and_is_not_separated(source: str) -> None:
    body = (
        "Divers found the bell of the Corvane off Skerry Point on Monday, and the museum of Wexley will show it in May."
    )
    a = side("Bell of the Corvane found", f"{HELLO} {body}")
    b = side("Corvane's bell is found", f"{HELLO} After two years of search, {body}", source)
    assert conflicts(a, b) == ()


def test_a_dateline_is_too_short_to_be_an_opening() -> None:
    a = side("One", "WEXLEY, March 3 - Divers found the bell of the Corvane.")
    b = side("Two", "WEXLEY, March 3 - Mayor Ilse Tarn wants a second tram line.")
    assert opening(a.profile, b.profile) is None


def test_a_copy_with_another_last_line_is_not_separated() -> None:
    body = (
        "Divers have lifted a bronze bell off the sea floor near the old lighthouse, and a museum will show it in "
        "spring after a year of cleaning; the ship sank in a storm two hundred years ago with its cargo of salt. "
    )
    a = side("A bell from the deep", f"{HELLO} {body} Tickets go on sale in April, said the keeper Ilse Tarn to us.")
    b = side("A bell from the deep", f"{HELLO} {body} Photographs were taken by our reporter, Delmar Voss, on Monday.")
    assert conflicts(a, b) == ()


def test_headlines_in_capitals_with_one_predicate_and_two_subjects_are_separated() -> None:
    a = side("TIDEWELL HOLDINGS SETS QUARTERLY DIVIDEND", "Qtly div 12 cts, pay May 4, record April 20.")
    b = side(
        "CORBIN DAIRY GROUP SETS QUARTERLY DIVIDEND", "Qtly div 12 cts, pay May 4, record April 20.", "Delmar Wire"
    )
    assert any(told.startswith("same headline but") for told in conflicts(a, b))
    assert conflicts(a, b) == conflicts(b, a)


def test_a_subject_that_the_other_article_knows_does_not_separate() -> None:
    a = side("TIDEWELL HOLDINGS SETS QUARTERLY DIVIDEND", "Qtly div 12 cts, pay May 4, record April 20.")
    b = side("PORT OPERATOR SETS QUARTERLY DIVIDEND", "Tidewell Holdings pays 12 cts on May 4.", "Delmar Wire")
    assert not any("TIDEWELL" in told for told in conflicts(a, b))


def test_a_synonym_for_who_acts_does_not_separate_headlines_in_small_letters() -> None:
    text = "Two hikers who were lost in the Skerry cave for two nights are alive and were brought to the surface today."
    a = side("Volunteers from three coastal villages find hikers alive", text)
    b = side("Mountain police rescue teams find hikers alive", text, "Delmar Wire")
    assert conflicts(a, b) == ()


def test_an_opening_after_which_one_text_names_nobody_is_left_to_the_probability() -> None:
    a = side("What to know tonight", f"{HELLO} Divers found the bell of the Corvane off Skerry Point on Monday.")
    b = side("What to know tonight", f"{HELLO} Some divers have found a bell and a few coins near the old lighthouse.")
    assert conflicts(a, b) == ()


def test_a_few_words_after_the_opening_are_enough_where_they_name_somebody() -> None:
    a = side("What to know tonight", f"{HELLO} The Tolley council votes on schools.")
    b = side("What to know tonight", f"{HELLO} A strike stops trams in Thornby.")
    assert "the same opening, then other news" in conflicts(a, b)


def test_one_outlets_opening_over_other_words_separates_where_the_headlines_are_unlike() -> None:
    byline = "Orla Brandt Wexley Post WEXLEY Mayor Ilse Tarn on"
    tram = "Monday asked Delmar Rail to build a second tram line along the eastern embankment before the winter."
    budget = "Tuesday defended her budget in front of two hundred angry shopkeepers who fear higher rents."
    a = side("Mayor wants second tram line", f"{byline} {tram}")
    b = side("Shopkeepers boo spending plan in town hall", f"{byline} {budget}")
    assert "one opening of the outlet, then other words under unlike headlines" in conflicts(a, b)
    again = side(
        "Second thoughts about trams",
        f"{byline} Friday told Delmar Rail to build the tram line along the eastern embankment.",
    )
    assert conflicts(a, again) == ()


ABOUT = (
    " About Holtmann: Holtmann Industries makes valves and pumps and employs 8,400 people in 31 countries."
    " Its shares are listed in Lusen under the ticker HTM."
)


def news(title: str, text: str) -> Side:
    return Side(title, profile(title, text), "en", "", None)


def parted(a: Side, b: Side) -> bool:
    found = [compare(*sides, cosine=None, scaled_cosine=None).conflicts for sides in ((a, b), (b, a))]
    assert bool(found[0]) == bool(found[1])
    return "the same standing sentences, around other news" in found[0]


def test_standing_sentences_below_other_news_are_all_that_two_articles_share() -> None:
    chief = news("Holtmann appoints new finance chief", "Priya Raman will look after the money from 1 July on." + ABOUT)
    plant = news("Holtmann opens plant in Brazil", "The first valves leave the works near Santos this week." + ABOUT)
    assert parted(chief, plant)


def test_standing_sentences_below_one_piece_of_news_part_nothing() -> None:
    chief = news("Holtmann appoints new finance chief", "Priya Raman will look after the money from 1 July on." + ABOUT)
    told = news("Priya Raman to run the money at Holtmann", "The finance chief, Priya Raman, starts on 1 July." + ABOUT)
    assert not parted(chief, told)


def test_an_edited_copy_under_another_headline_is_one_text() -> None:
    body = "The council of Lusen closed the bridge on Friday night after divers had found a crack in its second pier."
    more = " Buses go round by Kelmouth, which takes an hour, and the ferry runs all night for the price of a bus."
    a = news("Crack closes Lusen bridge", "Drivers were told to stay at home by radio." + body + more)
    b = news("No way over the Tarn tonight", "It will be a long way home for many, we fear." + body + more)
    assert not parted(a, b)
