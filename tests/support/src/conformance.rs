//! The report of the emulator's three judges: each writes the sections it judged, and the page is made of all of them.
//!
//! Must not judge: it counts what it is told and shows it. A judge that wrote nothing is shown as one that did not run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Context, Result};

/// Who judges the emulator: things that its authors did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// Traffic that others recorded with Azure.
    Recordings,
    /// The contract that Microsoft publishes: specification and examples.
    Contract,
    /// Microsoft's clients, unmodified.
    Clients,
}

impl Judge {
    /// All of them, in the report's order.
    pub const ALL: [Self; 3] = [Self::Recordings, Self::Contract, Self::Clients];

    /// The word for it in the report and in the names of files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Recordings => "recordings",
            Self::Contract => "contract",
            Self::Clients => "clients",
        }
    }
}

/// One way in which the emulator was found not to be as Azure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where it is and what it is, in one line.
    pub what: String,
    /// Why it may be, as the reviewed list says; absent: nobody has said so, and the judge is red.
    pub reason: Option<String>,
}

/// Something tried that was not wholly alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Differing {
    name: String,
    differences: Vec<Difference>,
}

/// Something that was not tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Untried {
    name: String,
    reason: String,
}

/// How many were tried, and what came of them. `tried` is the sum of the three after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Everything that was tried.
    pub tried: usize,
    /// Alike in all that is compared.
    pub agreed: usize,
    /// Different only in what the reviewed list allows.
    pub explained: usize,
    /// Different without a reason: the judge is red.
    pub unexplained: usize,
    /// Not tried, each with a reason.
    pub not_tried: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.agreed += other.agreed;
        self.explained += other.explained;
        self.unexplained += other.unexplained;
        self.not_tried += other.not_tried;
    }
}

/// What one judge found about one subject: `Judge::Contract` on `published examples`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    judge: Judge,
    subject: String,
    at: Timestamp,
    agreed: usize,
    differing: Vec<Differing>,
    not_tried: Vec<Untried>,
    notes: Vec<String>,
}

impl Section {
    /// An empty section; its subject is unique for its judge, and replaces the section that an earlier run wrote.
    #[must_use]
    pub fn new(judge: Judge, subject: &str) -> Self {
        let (differing, not_tried, notes) = Default::default();
        Self { judge, subject: subject.to_owned(), at: Timestamp::now(), agreed: 0, differing, not_tried, notes }
    }

    /// Counts one thing that was tried (an exchange, an operation, a call); it agreed if there is no difference.
    pub fn tried(&mut self, name: impl Into<String>, differences: Vec<Difference>) {
        if differences.is_empty() {
            self.agreed += 1;
        } else {
            self.differing.push(Differing { name: name.into(), differences });
        }
    }

    /// Counts one thing that was not tried, and why not.
    pub fn not_tried(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        self.not_tried.push(Untried { name: name.into(), reason: reason.into() });
    }

    /// Adds a line for the reader: a seed, a duration, a list of what was measured.
    pub fn note(&mut self, line: impl Into<String>) {
        self.notes.push(line.into());
    }

    /// The numbers so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let unexplained = self.differing.iter().filter(|each| each.differences.iter().any(|one| one.reason.is_none()));
        let unexplained = unexplained.count();
        Tally {
            tried: self.agreed + self.differing.len(),
            agreed: self.agreed,
            explained: self.differing.len() - unexplained,
            unexplained,
            not_tried: self.not_tried.len(),
        }
    }

    /// One line for each difference that nobody has explained: what a test prints when it fails.
    #[must_use]
    pub fn unexplained(&self) -> Vec<String> {
        let of = |each: &Differing| {
            let red = each.differences.iter().filter(|one| one.reason.is_none());
            red.map(|one| format!("{}: {}", each.name, one.what)).collect::<Vec<_>>()
        };
        self.differing.iter().flat_map(of).collect()
    }

    /// Writes the section, and the report from this and all that other judges wrote; returns the folder of the report,
    /// `target/conformance`. `tmp` is `env!("CARGO_TARGET_TMPDIR")` of the test. Tests of several processes may write
    /// at once.
    ///
    /// # Errors
    /// When a file cannot be written, or what is there is no section.
    pub fn write(&self, tmp: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = tmp.as_ref().parent().unwrap_or(tmp.as_ref()).join("conformance");
        let sections = folder.join("sections");
        let failed = || format!("cannot write the conformance report in {}", folder.display());
        std::fs::create_dir_all(&sections).context(failed)?;
        let lock = std::fs::File::create(folder.join("lock")).context(failed)?;
        lock.lock().context(failed)?;
        let words = self.subject.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let text = serde_json::to_string_pretty(self).context(failed)?;
        std::fs::write(sections.join(format!("{}.{words}.json", self.judge.word())), text).context(failed)?;

        let mut all = Vec::new();
        for entry in std::fs::read_dir(&sections).context(failed)? {
            let path = entry.context(failed)?.path();
            let text = std::fs::read_to_string(&path).context(failed)?;
            let section: Self = serde_json::from_str(&text).context(|| format!("{} is no section", path.display()))?;
            all.push(section);
        }
        all.sort_by(|a, b| (a.judge.word(), &a.subject).cmp(&(b.judge.word(), &b.subject)));
        let report = Report::of(all);
        let text = serde_json::to_string_pretty(&report).context(failed)?;
        std::fs::write(folder.join("report.json"), text).context(failed)?;
        std::fs::write(folder.join("report.md"), report.page()).context(failed)?;
        Ok(folder)
    }
}

/// What `report.json` holds.
#[derive(Serialize)]
struct Report {
    judges: Vec<Judged>,
}

#[derive(Serialize)]
struct Judged {
    judge: Judge,
    /// Absent: it did not run.
    tally: Option<Tally>,
    sections: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    tally: Tally,
    #[serde(flatten)]
    section: Section,
}

impl Report {
    fn of(mut sections: Vec<Section>) -> Self {
        let judges = Judge::ALL.into_iter().map(|judge| {
            let (own, others) = std::mem::take(&mut sections).into_iter().partition(|each| each.judge == judge);
            sections = others;
            let own: Vec<Shown> =
                Vec::into_iter(own).map(|section| Shown { tally: section.tally(), section }).collect();
            let tally = own.iter().fold(None, |sum: Option<Tally>, each| {
                let mut sum = sum.unwrap_or_default();
                sum.add(each.tally);
                Some(sum)
            });
            Judged { judge, tally, sections: own }
        });
        Self { judges: judges.collect() }
    }

    /// `report.md`: the tallies first, then every section with all that was not alike.
    fn page(&self) -> String {
        let mut page = String::from("# How far the emulator is Azure\n\n");
        page.push_str("| judge | tried | agreed | different, with a reason | different | not tried |\n");
        page.push_str("|---|---|---|---|---|---|\n");
        for judged in &self.judges {
            page.push_str(&row(judged.judge.word(), judged.tally));
        }
        for judged in &self.judges {
            let _ = write!(page, "\n## {}\n\n", judged.judge.word());
            if judged.sections.is_empty() {
                page.push_str("Did not run.\n");
                continue;
            }
            page.push_str("| subject | tried | agreed | different, with a reason | different | not tried |\n");
            page.push_str("|---|---|---|---|---|---|\n");
            for shown in &judged.sections {
                page.push_str(&row(&shown.section.subject, Some(shown.tally)));
            }
            judged.sections.iter().for_each(|shown| shown.section.chapter(&mut page));
        }
        page
    }
}

fn row(name: &str, tally: Option<Tally>) -> String {
    match tally {
        None => format!("| {name} | did not run | | | | |\n"),
        Some(Tally { tried, agreed, explained, unexplained, not_tried }) => {
            format!("| {name} | {tried} | {agreed} | {explained} | {unexplained} | {not_tried} |\n")
        }
    }
}

impl Section {
    fn chapter(&self, page: &mut String) {
        let _ = write!(page, "\n### {}\n\nJudged at {:.0}.\n", self.subject, self.at);
        for note in &self.notes {
            let _ = write!(page, "\n{note}\n");
        }
        if !self.differing.is_empty() {
            page.push_str("\nDifferent:\n\n");
        }
        for each in &self.differing {
            let _ = writeln!(page, "- {}", each.name);
            for Difference { what, reason } in &each.differences {
                let reason = reason.as_deref().unwrap_or("NO REASON IS KNOWN");
                let _ = writeln!(page, "  - {what}. {reason}");
            }
        }
        if !self.not_tried.is_empty() {
            page.push_str("\nNot tried:\n\n");
        }
        for Untried { name, reason } in &self.not_tried {
            let _ = writeln!(page, "- {name}: {reason}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(what: &str, reason: Option<&str>) -> Difference {
        Difference { what: what.into(), reason: reason.map(Into::into) }
    }

    #[test]
    fn report_holds_the_sections_of_all_judges_and_names_those_that_did_not_run() {
        let target = tempfile::tempdir().unwrap();
        let tmp = target.path().join("tmp");
        let mut recordings = Section::new(Judge::Recordings, "clusters");
        recordings.tried("get", Vec::new());
        recordings.tried("put", vec![difference("a", Some("old")), difference("b", None)]);
        recordings.write(&tmp).unwrap();
        let mut contract = Section::new(Judge::Contract, "published examples");
        contract.tried("list", vec![difference("c", Some("newer"))]);
        contract.not_tried("aks", "not known");
        let folder = contract.write(&tmp).unwrap();

        let page = std::fs::read_to_string(folder.join("report.md")).unwrap();
        assert!(page.contains("| recordings | 2 | 1 | 0 | 1 | 0 |"), "{page}");
        assert!(page.contains("| contract | 1 | 0 | 1 | 0 | 1 |"), "{page}");
        assert!(page.contains("| clients | did not run |"), "{page}");
        assert!(page.contains("b. NO REASON IS KNOWN") && page.contains("aks: not known"), "{page}");
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
        assert_eq!(report["judges"][0]["tally"]["unexplained"], 1);
        assert_eq!(report["judges"][2]["tally"], serde_json::Value::Null);
        assert_eq!(recordings.unexplained(), ["put: b"]);
    }

    #[test]
    fn section_replaces_the_one_of_an_earlier_run() {
        let target = tempfile::tempdir().unwrap();
        let tmp = target.path().join("tmp");
        let mut section = Section::new(Judge::Clients, "azure-ai-ml 1.35.2");
        section.tried("list", vec![difference("broken", None)]);
        section.write(&tmp).unwrap();
        let mut mended = Section::new(Judge::Clients, "azure-ai-ml 1.35.2");
        mended.tried("list", Vec::new());
        let page = std::fs::read_to_string(mended.write(&tmp).unwrap().join("report.md")).unwrap();
        assert!(page.contains("| clients | 1 | 1 | 0 | 0 | 0 |"), "{page}");
    }
}
