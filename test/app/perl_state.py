#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""perl with state: nested data, closures, a match that goes on where it was, a sort in a child
that it talks to through two pipes, a timer with a handler, output through a format.

wl: needs root program:perl
wl: areas memory pipes timers
wl: idle"""

import cycles

PROGRAM = r"""
use strict; use warnings;
use IPC::Open2; use Time::HiRes qw(usleep setitimer ITIMER_REAL);
use Digest::SHA; use List::Util qw(sum);
my $pause = shift;
my $ticks = 0;
local $SIG{ALRM} = sub { $ticks++ };
setitimer(ITIMER_REAL, 0.005, 0.005);
$| = 1;
my $pid = open2(my $from, my $to, $^X, '-ne',
    '$| = 1; $s = ($s // 0) * 33 % 1000003 + $_; print "$s\n"');
my $text = join ' ', map { ($_ * 7919) % 104729 } 1 .. 5000;
my %graph; my @queue = (1); my $digest = Digest::SHA->new(256);
my @counters = map { my $n = $_; sub { $n = ($n * 1103515245 + 12345) % 2147483648 } } 1 .. 20;
our ($step, $word, $answer, $hash);
format STDOUT =
@>>>>> @>>>>>>> @>>>>>>>> @*
$step, $word, $answer, $hash
.
for $step (1 .. 1500) {
	($word) = $text =~ /\G(\d+)\s?/gc ? $1 : do { pos($text) = 0; $text =~ /\G(\d+)\s?/gc; $1 };
	print $to "$word\n";
	defined($answer = <$from>) or die "the child has ended";
	chomp $answer;
	my $node = shift @queue;
	$graph{$node} = { edges => [map { $_->() % 5000 } @counters], at => $step };
	push @queue, grep { !exists $graph{$_} } @{ $graph{$node}{edges} }[0 .. 2], $step + 10000;
	my $sum = sum map { $_->{at} } @graph{ sort keys %graph };
	$digest->add("$sum $answer @{ $graph{$node}{edges} }");
	$hash = $digest->clone->hexdigest;
	write;
	my $left = $pause;
	$left -= usleep($left) while $left > 0;
}
setitimer(ITIMER_REAL, 0, 0);
close $to; waitpid $pid, 0;
die "the child ended with $?" if $?;
die "the timer fired $ticks times" if $pause && $ticks < 100;
"""


def main():
    cycles.begin()
    with open("program.pl", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    cycles.same_log(["perl", "program.pl"], ["0"], ["2000"])


main()
