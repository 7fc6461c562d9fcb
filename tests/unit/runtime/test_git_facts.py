"""What is read from git's files, compared with what git says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from metaflow.runtime.git_facts import GitFacts, git_facts


def git(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    (place / "flows").mkdir(parents=True)
    git(place, "init", "-q")
    (place / "flows" / "train.py").write_text("pass\n")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "first")
    return place


def test_branch_commit_and_remote_of_a_directory_in_a_repository(repository: Path) -> None:
    git(repository, "checkout", "-qb", "feature/deep")
    git(repository, "remote", "add", "origin", "https://ann:token@example.com:8443/team/project.git")
    head = git(repository, "rev-parse", "HEAD")
    expected = GitFacts("https://example.com:8443/team/project.git", "feature/deep", head)
    assert git_facts(str(repository / "flows")) == expected
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/feature/deep").exists()
    assert git_facts(str(repository)) == expected


def test_an_address_without_a_password_is_kept_as_it_is(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "https://example.com/other.git")
    git(repository, "remote", "add", "origin", "git@example.com:team/project.git")
    assert git_facts(str(repository)).repo_url == "git@example.com:team/project.git"


def test_a_commit_that_is_checked_out_without_a_branch(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    assert git_facts(str(repository)) == GitFacts(None, None, head)


def test_a_worktree_has_a_branch_of_its_own_and_the_shared_remote(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "ssh://git@example.com/project.git")
    git(repository, "worktree", "add", "-q", "-b", "aside", "../aside")
    (repository / "new.py").write_text("pass\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "second")
    worktree = repository.parent / "aside"
    head = git(worktree, "rev-parse", "HEAD")
    assert head != git(repository, "rev-parse", "HEAD")
    assert git_facts(str(worktree)) == GitFacts("ssh://example.com/project.git", "aside", head)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_facts(str(tmp_path)) == GitFacts(None, "main", None)


@pytest.mark.parametrize("head", ["", "ref: ../../secret", "ref: refs/heads/main\nref: x", "nonsense", "ref: HEAD"])
def test_a_damaged_repository_is_no_error(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert git_facts(str(tmp_path)).commit_sha is None


def test_a_file_that_leads_nowhere_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("nonsense")
    assert git_facts(str(tmp_path)) == GitFacts()
    (tmp_path / ".git").write_text("gitdir: /does/not/exist")
    assert git_facts(str(tmp_path)) == GitFacts()
