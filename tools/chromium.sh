#!/bin/sh
# Install Debian's Chromium for the browser tests if it is missing and we are root. Never fails: without Chromium the
# browser tests are skipped with a message.
if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Debian's chromium for the browser tests …"
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; then
        exit 0
    fi
    echo "Browser tests will be skipped: apt-get could not install chromium."
    exit 0
fi
echo "Browser tests will be skipped: chromium is not installed (run: apt-get install chromium)."
