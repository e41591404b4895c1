#!/usr/bin/env python3
"""Prints "PASSED FAILED SKIPPED" out of ctest's JUnit file. A test whose program is missing has failed."""
import sys
import xml.etree.ElementTree as xml


def main():
    passed = failed = skipped = 0
    try:
        cases = xml.parse(sys.argv[1]).getroot().iter("testcase")
        for case in cases:
            status = case.get("status")
            reason = case.find("skipped")
            if status == "run":
                passed += 1
            elif status == "disabled" or (reason is not None and "SKIP" in reason.get("message", "")):
                skipped += 1
            else:
                failed += 1
    except (OSError, xml.ParseError) as error:
        sys.exit("count_tests.py: %s" % error)
    print(passed, failed, skipped)


if __name__ == "__main__":
    main()
