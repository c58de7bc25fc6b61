//! What happens to the nodes of a cluster without a request: lost, broken, used. Carries it out; the management plane asks for it.

use crate::{
    actions::node_key,
    compute::{
        ArmError,
        machine::Cluster,
        nodes::{self, NodeState},
    },
    time::{self, Now},
    world::World,
};

impl World {
    /// Broken nodes of a cluster work again.
    pub(crate) fn repair_nodes(&mut self, compute: &str, now: Now) -> Result<String, String> {
        self.on_nodes(compute, now, |cluster| {
            cluster.pool.repair(now.service);
            Ok("nodes repaired".into())
        })
    }

    /// A job asks a cluster for nodes, or runs on an instance; returns its id.
    pub(crate) fn submit_run(
        &mut self,
        compute: &str,
        nodes: u32,
        run: Option<String>,
        now: Now,
    ) -> Result<String, String> {
        let run = run.unwrap_or_else(|| self.random.uuid().to_string());
        if self.is_instance(compute) {
            return self.job_begins(compute, &run, now);
        }
        self.on_nodes(compute, now, |cluster| {
            cluster.pool.submit(&run, nodes);
            Ok(run.clone())
        })
    }

    /// A job ends, or all of them.
    pub(crate) fn finish_run(&mut self, compute: &str, run: Option<&str>, now: Now) -> Result<String, String> {
        if self.is_instance(compute) {
            return self.job_ends(compute, run, now);
        }
        self.on_nodes(compute, now, |cluster| {
            if cluster.pool.finish(run, now.service) {
                return Ok("run finished".into());
            }
            Err("the compute has no such run".into())
        })
    }

    /// Does something to the nodes of a cluster that has some, and lets the autoscaler react.
    pub(crate) fn on_nodes(
        &mut self,
        compute: &str,
        now: Now,
        deed: impl FnOnce(&mut Cluster) -> Result<String, String>,
    ) -> Result<String, String> {
        let key = self.find_compute(compute)?;
        let Some(found) = self.compute_mut(&key).filter(|compute| compute.born) else {
            return Err(format!("compute '{compute}' is not made yet, so it has no nodes"));
        };
        let kind = found.machine.kind();
        let Some(cluster) = found.machine.cluster_mut() else {
            return Err(format!("compute '{compute}' is of type {kind}, which has no nodes"));
        };
        let said = deed(cluster)?;
        self.nudge(&key, now.service);
        Ok(said)
    }

    /// Takes working nodes of a cluster into a state.
    pub(crate) fn strike(&mut self, compute: &str, state: NodeState, count: u32, now: Now) -> Result<String, String> {
        self.on_nodes(compute, now, |cluster| match cluster.pool.strike(state, count, now.service).len() {
            0 => Err("the compute has no working node".into()),
            struck => Ok(format!("{struck} nodes")),
        })
    }

    /// Breaks working nodes of a cluster; it shows the error from then on.
    pub(crate) fn break_nodes(
        &mut self,
        compute: &str,
        count: u32,
        code: Option<String>,
        now: Now,
    ) -> Result<String, String> {
        let code = code.unwrap_or_else(|| "DiskFull".into());
        let key = self.find_compute(compute)?;
        let id = self.resource_id(&key.0, &key.1);
        let seed = self.seed;
        let made = self.compute(&key).map_or(now.service, |compute| compute.created_on);
        self.on_nodes(compute, now, |cluster| {
            let struck = cluster.pool.strike(NodeState::Unusable, count, now.service);
            if struck.is_empty() {
                return Err("the compute has no working node".into());
            }
            let key = node_key(&id, &time::ticks(made));
            let identity = nodes::Identity { seed, key: &key };
            let low_priority = cluster.settings.is_low_priority();
            // Code, texts and details as recorded in 2023; other codes have texts of the same form.
            let disk = code == "DiskFull";
            let text = if disk { "There is not enough disk space on the node" } else { "The node is unusable" };
            let told = struck.iter().map(|index| {
                format!("ComputeNode.Id={}: {text}", nodes::id(identity, *index, low_priority))
            });
            let mut error = ArmError::new(&code, told.collect::<Vec<_>>().join(","));
            if disk {
                let detail = "The VM disk is full. Delete jobs, tasks, or files on the node to free up space and then reboot the node.";
                error.details = struck.iter().map(|_| ("Message".to_owned(), detail.to_owned())).collect();
            }
            cluster.pool.errors = vec![error];
            Ok(format!("{} nodes", struck.len()))
        })
    }
}
